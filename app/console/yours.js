// A client's own page: what was cancelled of theirs, what came back and what is on its way. The link alone says whose it is.

import { announce, fill, h, saysLost } from "./dom.js";
import { get, patiently } from "./api.js";
import { showBrand } from "./brand.js";
import { begin } from "./client_page.js";
import { counted, say, speak } from "./language.js";
import { keepLooking } from "./live.js";
import { here } from "./root.js";
import { moment, when } from "./words.js";
import { headline, lineWords } from "./yours_words.js";

const EVERY_SECONDS = 15;
const main = document.getElementById("main");
const bar = document.getElementById("bar");
const token = here().split("/")[2];
const path = `/client-pages/${token}`;
const ending = new AbortController();
let last = null; // what was drawn

async function read(options = {}) {
  const page = await get(path, options);
  await speak(page.language, page.hour_cycle);
  show(page);
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
      h("p", {}, counted("yours.has_cancelled", page.sessions.length, { business: page.business }), page.reason && ` ${page.reason}`),
      page.choice?.status === "open" && h("p", {}, h("a", { class: "button", href: `/choose/${token}` }, say("yours.choose"))),
      page.sessions.map((one) => panel(one, page)),
    ),
  );
  if (page.is_final) ending.abort();
}

function panel(session, page) {
  const facts = [when({ business_starts_local: session.starts_local }), session.location, session.instructor].filter(Boolean);
  return h(
    "section",
    { class: "panel own" },
    h("h2", {}, session.name, " ", h("span", { class: "badge cancelled" }, say("common.cancelled"))),
    h("p", { class: "soft" }, facts.flatMap((fact, place) => [place > 0 && " · ", h("bdi", {}, fact)])),
    session.booking_status === "waitlisted" && h("p", { class: "soft" }, say("yours.waitlisted")),
    session.lines.length
      ? h("ul", { class: "lines" }, session.lines.map((line) => lineOf(line, page)))
      : h("p", {}, page.is_prepared ? say("yours.nothing_of_it") : null),
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
    line.reference && h("p", { class: "soft" }, say("yours.reference"), " ", h("code", {}, line.reference)),
  );
}

async function watch() {
  await patiently(() => read(), { waiting: saysLost(main) });
  await keepLooking(read, { seconds: () => EVERY_SECONDS, signal: ending.signal });
}

begin(main, watch, { title: "yours.nothing_title", heading: "yours.nothing", advice: "common.not_whole" });
