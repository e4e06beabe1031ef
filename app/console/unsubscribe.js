// A client stops their mail, or has it sent again. The link alone says whose it is; nothing changes before a press.

import { announce, fill, h, showTestMode, showWaits } from "./dom.js";
import { get, isPassing, patiently, put, Refused } from "./api.js";
import { wordsFor } from "./unsubscribe_words.js";

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const path = `/mail-preferences/${location.pathname.split("/")[2]}`;
let words = wordsFor(navigator.language);
let isPressed = false;

async function read() {
  const lost = h("p", { class: "note warning", role: "status" }, words.lost);
  show(await patiently(() => get(path), { waiting: () => lost.isConnected || fill(main, lost) }));
}

function show({ business, language, state }) {
  words = wordsFor(language);
  document.documentElement.lang = language;
  document.title = `${words.title} · ${business}`;
  fill(bar, h("span", { class: "brand" }, business));
  fill(main, h("div", { class: "own-choice" }, STATES[state](business), h("p", { id: "trouble", class: "trouble", role: "alert" })));
}

const STATES = {
  on: (business) => [
    h("h1", {}, words.title),
    h("p", {}, words.stops(business)),
    h("p", {}, words.money),
    h("button", { class: "primary", onclick: () => void press(false) }, words.stop),
  ],
  stopped: (business) => [
    h("h1", {}, words.stopped),
    h("p", { class: "flash" }, words.stoppedMeans(business)),
    h("p", {}, words.money),
    h("button", { onclick: () => void press(true) }, words.resume),
  ],
  stopped_by_business: (business) => [
    h("h1", {}, words.stopped),
    h("p", {}, words.byBusiness(business)),
    h("p", {}, words.money),
  ],
};

async function press(wantsMail) {
  if (isPressed) return;
  isPressed = true;
  try {
    // Said again where nobody knows whether it was heard: the same again changes nothing.
    show(await patiently(() => put(path, { wants_mail: wantsMail }), { waiting: () => say(words.lost) }));
    main.focus();
    announce(main.querySelector("h1").textContent);
  } catch (error) {
    say(error.message);
    if (!(error instanceof Refused || isPassing(error))) throw error;
  } finally {
    isPressed = false;
  }
}

const say = (said) => (document.getElementById("trouble").textContent = said);

function failed(error) {
  if (!(error instanceof Refused)) console.error(error);
  const isUnknown = error.status === 404;
  document.documentElement.lang = words.tag;
  document.title = words.unknown;
  fill(main, h("h1", {}, isUnknown ? words.unknown : words.failed), h("p", { role: "alert" }, isUnknown ? words.notWhole : error.message));
}

showTestMode();
showWaits();
read().catch(failed);
