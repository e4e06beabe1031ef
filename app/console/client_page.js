// How a page that clients see begins, and what it says where it can't be shown.

import { fill, h, showTestMode, showWaits } from "./dom.js";
import { Refused } from "./api.js";
import { say, speakAsBrowser } from "./language.js";

/**
 * Runs a client's page, in the reader's language until an answer says which it is to be. Gives what shows an error in
 * `main`, by phrases: `heading` and `advice` where there is no such page, under `title`; else that it failed, under `failed`.
 */
export function begin(main, run, { title, heading, advice, failed = title }) {
  const spoken = speakAsBrowser();
  async function show(error) {
    await spoken;
    if (!(error instanceof Refused)) console.error(error);
    const isUnknown = error.status === 404;
    document.title = say(isUnknown ? title : failed);
    fill(
      main,
      h("h1", {}, say(isUnknown ? heading : "common.failed")),
      h("p", { role: "alert" }, say(isUnknown ? advice : "common.later")),
    );
  }
  showTestMode();
  showWaits();
  run().catch(show);
  return show;
}
