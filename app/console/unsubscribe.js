// A client stops their mail, or has it sent again. The link alone says whose it is; nothing changes before a press.

import { announce, fill, h, saysLost } from "./dom.js";
import { get, isPassing, patiently, put, Refused } from "./api.js";
import { begin } from "./client_page.js";
import { say, speak } from "./language.js";
import { here } from "./root.js";

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const path = `/mail-preferences/${here().split("/")[2]}`;
let isPressed = false;

async function read() {
  await show(await patiently(() => get(path), { waiting: saysLost(main) }));
}

async function show({ business, language, state }) {
  await speak(language);
  document.title = `${say("unsubscribe.title")} · ${business}`;
  fill(bar, h("span", { class: "brand" }, business));
  fill(main, h("div", { class: "own-choice" }, STATES[state](business), h("p", { id: "trouble", class: "trouble", role: "alert" })));
}

const STATES = {
  on: (business) => [
    h("h1", {}, say("unsubscribe.title")),
    h("p", {}, say("unsubscribe.stops", { business })),
    h("p", {}, say("unsubscribe.money")),
    h("button", { class: "primary", onclick: () => void press(false) }, say("unsubscribe.stop")),
  ],
  stopped: (business) => [
    h("h1", {}, say("unsubscribe.stopped")),
    h("p", { class: "flash" }, say("unsubscribe.stopped_means", { business })),
    h("p", {}, say("unsubscribe.money")),
    h("button", { onclick: () => void press(true) }, say("unsubscribe.resume")),
  ],
  stopped_by_business: (business) => [
    h("h1", {}, say("unsubscribe.stopped")),
    h("p", {}, say("unsubscribe.by_business", { business })),
    h("p", {}, say("unsubscribe.money")),
  ],
};

async function press(wantsMail) {
  if (isPressed) return;
  isPressed = true;
  try {
    // Said again where nobody knows whether it was heard: the same again changes nothing.
    await show(await patiently(() => put(path, { wants_mail: wantsMail }), { waiting: () => trouble(say("common.lost")) }));
    main.focus();
    announce(main.querySelector("h1").textContent);
  } catch (error) {
    trouble(say(isPassing(error) ? "common.lost" : "common.later"));
    if (!(error instanceof Refused || isPassing(error))) throw error;
  } finally {
    isPressed = false;
  }
}

const trouble = (words) => (document.getElementById("trouble").textContent = words);

begin(main, read, { title: "unsubscribe.unknown", heading: "unsubscribe.unknown", advice: "unsubscribe.not_whole" });
