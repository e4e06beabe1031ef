// Builds elements. Text is always text, so nothing that an answer holds can become markup.

import { say } from "./language.js";
import { at } from "./root.js";

const SVG = "http://www.w3.org/2000/svg";
const AS_ADDRESSES = new Set(["href", "src"]);
const AS_PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "indeterminate", "textContent"]);
const ICONS = {
  cog:
    "M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM12 6V2.5M12 21.5V18" +
    "M6 12H2.5M21.5 12H18M7.8 7.8 5.3 5.3M18.7 18.7l-2.5-2.5M7.8 16.200l-2.5 2.5M18.7 5.3l-2.5 2.5",
  back: "M15 5 8 12l7 7",
  on: "m9 5 7 7-7 7",
};

/** An element: `h("p", {class: "note", onclick: press}, "text", child, null)`; a path as its address is one of ours. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (AS_PROPERTIES.has(key)) element[key] = value;
    else if (AS_ADDRESSES.has(key)) element.setAttribute(key, at(value));
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...shown(children));
  return element;
}

/** Puts children in place of what an element has. If one of those had the focus, the same one among the new has it then. */
export function fill(element, ...children) {
  const had = element.contains(document.activeElement) && element !== document.activeElement ? document.activeElement : null;
  element.replaceChildren(...shown(children));
  if (!had || had.isConnected) return;
  const isSame = (one) => ["id", "href", "value", "ariaLabel", "textContent"].every((name) => one[name] === had[name]);
  [...element.querySelectorAll(had.localName)].find(isSame)?.focus({ preventScroll: true });
}

const shown = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

/** What `draw` makes of one of many, or else `instead`: one that can't be drawn leaves all others be. */
export function drawn(draw, instead) {
  try {
    return draw();
  } catch (error) {
    console.warn(error);
    return instead();
  }
}

/** Terms with what they stand for, of pairs; a third member is the value's style. */
export const terms = (pairs) => pairs.flatMap(([term, value, style]) => [h("dt", {}, term), h("dd", { class: style }, value)]);

/** A table of these rows in a box of its own, which scrolls sideways where it is too wide; named by a heading's id. */
export function table(columns, rows, named) {
  const head = h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)));
  const box = { class: "scrolls", tabindex: "0", role: "group", "aria-labelledby": named };
  return h("div", box, h("table", {}, h("thead", {}, head), rows));
}

/** A drawing that says nothing: what it is for is said beside it. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" })) {
    drawing.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** Shows a dialog until it is closed, or `signal` says so; gives what it was closed with. */
export function closed(dialog, signal) {
  document.body.append(dialog);
  dialog.showModal();
  signal.addEventListener("abort", () => dialog.close(""), { once: true });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => (dialog.remove(), resolve(dialog.returnValue)), { once: true });
  });
}

const testMode = h("aside", { class: "test-mode" });
const isServedInTestMode = document.querySelector('meta[name="bulk-cancel-test-mode"]') !== null;

function nameTestMode() {
  testMode.setAttribute("aria-label", say("common.test_mode_name"));
  testMode.textContent = say("common.test_mode");
}
nameTestMode();
addEventListener("spoken", nameTestMode);

/** Says above all else whether the service is in test mode: as this page came with, or as it has said since. */
export function showTestMode(isOn = isServedInTestMode) {
  if (isOn) document.body.prepend(testMode);
  else testMode.remove();
}

/** Tells people who hear the page; the same words twice are heard once. */
export function announce(words) {
  const announcer = document.getElementById("announcer");
  if (announcer.textContent !== words) announcer.textContent = words;
}

/** Says above everything that the service asked us to wait, for as long as some call does. */
export function showWaits() {
  const note = h("p", { class: "note warning", role: "status", hidden: true });
  document.getElementById("main").before(note);
  let waiting = 0;
  addEventListener("asked-to-wait", ({ detail }) => {
    waiting += 1;
    note.textContent = say("common.waits", { seconds: detail });
    note.hidden = false;
  });
  addEventListener("asked-again", () => (note.hidden = --waiting === 0));
}

/** What says in `main` that the service can't be reached, as often as it is called, until `main` has something else. */
export function saysLost(main) {
  const lost = h("p", { class: "note warning", role: "status" }, say("common.lost"));
  return () => lost.isConnected || fill(main, lost);
}

/** Hands a file to the person, as if they had followed a link to it. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
