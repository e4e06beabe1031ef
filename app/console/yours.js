// A client's own page: what was cancelled of theirs, what came back and what is on its way. The link alone says whose it is.

import { announce, fill, h, showTestMode, showWaits } from "./dom.js";
import { get, patiently, Refused } from "./api.js";
import { showBrand } from "./brand.js";
import { keepLooking } from "./live.js";
import { moment, when } from "./words.js";
import { headline, lineWords } from "./yours_words.js";

const EVERY_SECONDS = 15;
const main = document.getElementById("main");
const bar = document.getElementById("bar");
const token = location.pathname.split("/")[2];
const path = `/client-pages/${token}`;
const ending = new AbortController();
let last = null; // what was drawn

async function read(options = {}) {
  show(await get(path, options));
}

function show(page) {
  const state = JSON.stringify(page);
  if (state === last) return;
  const title = headline(page);
  if (last !== null) announce(title);
  last = state;
  document.title = `${title} · ${page.business}`;
  showBrand(bar, page.business, page.page);
  fill(
    main,
    h(
      "div",
      { class: "own-choice" },
      h("h1", {}, title),
      h("p", {}, `${page.business} has cancelled ${page.sessions.length === 1 ? "a class" : "classes"} that you had booked.`, page.reason && ` ${page.reason}`),
      page.choice?.status === "open" && h("p", {}, h("a", { class: "button", href: `/choose/${token}` }, "Choose how it comes back")),
      page.sessions.map((one) => panel(one, page)),
    ),
  );
  if (page.is_final) ending.abort();
}

function panel(session, page) {
  const where = [session.location, session.instructor].filter(Boolean).join(" · ");
  return h(
    "section",
    { class: "panel own" },
    h("h2", {}, session.name, " ", h("span", { class: "badge cancelled" }, "Cancelled")),
    h("p", { class: "soft" }, [when({ business_starts_local: session.starts_local }), where].filter(Boolean).join(" · ")),
    session.booking_status === "waitlisted" && h("p", { class: "soft" }, "You were on the waiting list."),
    session.lines.length
      ? h("ul", { class: "lines" }, session.lines.map((line) => lineOf(line, page)))
      : h("p", {}, page.is_prepared ? "There is nothing to return for it." : null),
  );
}

function lineOf(line, { business, timezone }) {
  const { badge, style, sentence, note } = lineWords(line, business, (instant) => moment(instant, timezone));
  return h(
    "li",
    {},
    h("span", { class: `badge ${style}` }, badge),
    h("p", {}, sentence),
    note && h("p", { class: "soft" }, note),
    line.reference && h("p", { class: "soft" }, "Reference: ", h("code", {}, line.reference)),
  );
}

function failed(error) {
  if (!(error instanceof Refused)) console.error(error);
  const isUnknown = error.status === 404;
  document.title = "Nothing here";
  fill(
    main,
    h("h1", {}, isUnknown ? "There is nothing here" : "That did not work"),
    h("p", { role: "alert" }, isUnknown ? "The link is not whole, or the cancellation was taken back. Ask whoever sent it to you." : error.message),
  );
}

async function begin() {
  const lost = h("p", { class: "note warning", role: "status" }, "The service can't be reached. Trying again…");
  await patiently(() => read(), { waiting: () => lost.isConnected || fill(main, lost) });
  await keepLooking(read, { seconds: () => EVERY_SECONDS, signal: ending.signal });
}

showTestMode();
showWaits();
begin().catch(failed);
