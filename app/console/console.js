// The administrator's pages in one document: signs in, shows the view that the address names, and goes from one to another.

import { announce, fill, h, showTestMode, showWaits } from "./dom.js";
import { askAhead, Refused, get, key, patiently } from "./api.js";
import { heldOf } from "./held.js";
import { speak, speakAsBrowser } from "./language.js";
import { provider, takeAnswer } from "./provider.js";
import { at, here, pathOf } from "./root.js";
import { say } from "./say/frame.js";

const VIEWS = [
  [/^\/$/, () => import("./schedule.js")],
  [/^\/bulk-cancel$/, () => import("./bulk_cancel.js")],
  [/^\/terms$/, () => import("./terms.js")],
  [/^\/jobs$/, () => import("./jobs.js")],
  [/^\/settings$/, () => import("./settings.js")],
  [/^\/settings\/business$/, () => import("./business_settings.js")],
  [/^\/settings\/limits$/, () => import("./limit_settings.js")],
  [/^\/settings\/privacy$/, () => import("./privacy_settings.js")],
  [/^\/settings\/messages$/, () => import("./message_settings.js")],
  [/^\/settings\/page$/, () => import("./page_settings.js")],
  [/^\/settings\/keys$/, () => import("./keys.js")],
  [/^\/settings\/webhooks$/, () => import("./webhooks.js")],
  [/^\/clients$/, () => import("./client_bookings.js")],
  [/^\/jobs\/(?<id>[0-9a-f-]{36})$/, () => import("./job.js")],
];

// Only where they are wanted: the first page stays small.
const undo = () => import("./undo.js");
const signing = () => import("./signing.js");

const main = document.getElementById("main");
const bar = document.getElementById("bar");
let leaving = new AbortController(); // of the view that is shown
let business = null; // whose key this is, once signed in
let brought = null; // the key of a link that was opened
const spoken = speakAsBrowser(); // until it is known whose pages these are

/** Shows another of our pages; `flash` is what the page is to say first. */
function go(address, { flash = null } = {}) {
  history.pushState({ flash }, "", at(address));
  return show({ moved: true });
}

async function show({ moved = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  if (!key.isHere()) return signIn();
  try {
    const query = new URLSearchParams(location.search);
    const viewing = viewOf(here());
    viewing.then(([view, params]) => askAhead(view.asksFirst?.({ params, query }), { signal })).catch(() => {}); // it is thrown below
    business = await patiently(() => get("/business", { signal }), { signal, waiting: notReached });
    const [view, params] = await viewing;
    await speak(business.language, business.hour_cycle);
    if (signal.aborted) return undefined;
    showBar();
    showTestMode(business.test_mode);
    await showUndo(signal);
    const flash = history.state?.flash ?? null;
    if (flash) history.replaceState(null, "", location.href); // said once
    await view.show(main, { business, params, query, signal, go, flash });
    showNeeds(signal).catch(console.error);
    if (moved && !signal.aborted) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
  } catch (error) {
    if (signal.aborted || error.status === 401) return undefined; // another view has come, or the sign-in
    fail(error);
  }
  return undefined;
}

// Once the page is there: nobody waits for it.
async function showNeeds(signal) {
  const { showMark } = await import("./mark.js");
  if (!signal.aborted) showMark(bar.querySelector(`[href="${at("/jobs")}"]`), business, signal);
}

async function showUndo(signal) {
  hideUndo();
  const held = heldOf(business);
  if (!held) return;
  const strip = await undo();
  if (!signal.aborted) strip.showUndo(held, signal);
}

function hideUndo() {
  const strip = document.querySelector("aside.undo");
  if (strip) strip.hidden = true;
}

async function viewOf(path) {
  for (const [pattern, load] of VIEWS) {
    const found = pattern.exec(path);
    if (found) return [await load(), found.groups ?? {}];
  }
  throw new Refused(404, { title: say("frame.no_page") });
}

function showBar() {
  const link = (address, words) =>
    h("a", { href: address, "aria-current": here() === address ? "page" : null }, words);
  fill(
    bar,
    h("a", { class: "brand", href: "/" }, business.name),
    h(
      "nav",
      { "aria-label": say("frame.pages") },
      link("/", say("frame.schedule")),
      link("/jobs", say("frame.jobs")),
      link("/settings", say("frame.settings")),
      h("button", { class: "plain", onclick: () => signOut() }, say("frame.sign_out")),
    ),
  );
}

function notReached() {
  if (!main.querySelector("[data-waiting]")) {
    fill(main, h("p", { class: "note warning", "data-waiting": true, role: "status" }, say("common.lost")));
  }
}

function fail(error) {
  const words = error instanceof Refused ? error.message : say("frame.broken");
  if (!(error instanceof Refused)) console.error(error);
  document.title = "Bulk Cancel";
  fill(
    main,
    h("h1", {}, say(error.status === 404 ? "schedule.not_found" : "common.failed")),
    h("p", { role: "alert" }, words),
    h("p", {}, h("a", { href: "/" }, say("frame.to_schedule"))),
  );
}

function signOut(words = null) {
  key.forget();
  leaving.abort();
  hideUndo();
  signIn(words);
}

async function signIn(words = null) {
  await spoken;
  document.title = `${say("sign_in.title")} · Bulk Cancel`;
  fill(bar, h("span", { class: "brand" }, "Bulk Cancel"));
  const field = h("input", {
    id: "key",
    name: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-note key-error",
  });
  const error = h("p", { id: "key-error", class: "error", role: "alert" }, words ?? "");
  const where = provider();
  field.value = brought ?? "";
  const tried = async (event) => {
    event.preventDefault();
    if (!/^[!-~]+$/.test(field.value.trim())) {
      error.textContent = say("sign_in.no_key");
      return;
    }
    key.keep(field.value.trim());
    try {
      await get("/business");
      error.textContent = "";
      await show({ moved: true });
      announce(say("sign_in.done"));
    } catch (refused) {
      key.forget();
      error.textContent = refused.message;
      field.focus();
    }
  };
  fill(
    main,
    h(
      "form",
      { class: "panel sign-in", onsubmit: tried },
      h("h1", {}, say("sign_in.title")),
      where ? h("button", { type: "button", class: "primary", onclick: async () => (await signing()).start(where) }, say("sign_in.at", { host: new URL(where.issuer).host })) : null,
      where ? h("p", { class: "note" }, say("sign_in.or_key")) : null,
      h("label", { for: "key" }, say("sign_in.key")),
      field,
      brought ? h("p", { class: "note" }, say("sign_in.brought")) : null,
      h("p", { id: "key-note", class: "note" }, say("sign_in.kept")),
      error,
      h("button", { class: where ? null : "primary" }, say("sign_in.title")),
    ),
  );
  field.focus();
}

// A key may come with the address, in its fragment, which is sent to nobody. It signs nobody in by itself: whoever made
// the link would have their own business filled with what somebody else types. A demo gives its own away.
function takeKey() {
  const given = /^#key=(bck_[A-Za-z0-9_]+)$/.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    brought = given;
  }
  key.orDemos();
}

addEventListener("popstate", () => {
  takeKey();
  show({ moved: true });
});
addEventListener("signed-out", (event) => signOut(event.detail));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.matches(".skip")) {
    event.preventDefault(); // a fragment would be another address, and the view be shown anew
    main.focus();
    return;
  }
  const to = new URL(link.href);
  if (to.origin !== location.origin || link.target || link.download || link.hash) return;
  const path = pathOf(to);
  if (!VIEWS.some(([pattern]) => pattern.test(path))) return;
  event.preventDefault();
  go(path + to.search);
});

// Back from the provider: who signed in there sees the page that they came from.
async function arrive(answer) {
  try {
    const { back, token } = await (await signing()).finish(provider(), answer);
    key.hold(token);
    history.replaceState(null, "", back);
    await show();
    announce(say("sign_in.done"));
  } catch (error) {
    signOut(error.message);
  }
}

const answer = takeAnswer();
showTestMode();
showWaits();
takeKey();
if (answer && provider()) arrive(answer);
else show();
