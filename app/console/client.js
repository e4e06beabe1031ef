// What clients see: the public schedule with what is cancelled, as people, calendars and search engines read it; on our own
// page, or within one of the studio's site, which has its own name and colour around it.

import { h } from "./dom.js";
import { showBrand } from "./brand.js";
import { begin } from "./client_page.js";
import { say, speak } from "./language.js";
import { at, here } from "./root.js";
import { subscribe } from "./subscribe.js";
import { elsewhere } from "./said.js";
import { times } from "./words.js";
import { showWeek, weekLinks } from "./week.js";

const EVERY_SECONDS = 10;
const SCHEMA = "https://schema.org/";
const EVENT_STATUS = { scheduled: `${SCHEMA}EventScheduled`, cancelled: `${SCHEMA}EventCancelled` };
const main = document.getElementById("main");
const bar = document.getElementById("bar"); // none where it is embedded
const path = `/public/${here().split("/")[2]}/schedule`; // the business's id, encoded as it came
const { signal } = new AbortController();

async function show() {
  const from = new URLSearchParams(location.search).get("from");
  await showWeek(main, { path, from, seconds: EVERY_SECONDS, signal, head, card, read, none });
}

const none = () => h("p", { class: "note none" }, say("schedule.none"));

async function read(week) {
  await speak(week.language, week.hour_cycle);
  if (bar) showBrand(bar, week.business, week.page);
}

function head(week) {
  document.title = `${say("schedule.title")} · ${week.business}`;
  const feed = new URL(at(`/v1${path}.ics`), location.origin).href;
  return h("nav", { class: "toolbar", "aria-label": say("schedule.weeks") }, weekLinks(week, here()), subscribe(feed, week.business));
}

// A card is schema.org's Event too, for search engines: what they want and people don't is said in elements unseen.
function card(session, week) {
  const isCancelled = session.status === "cancelled";
  const where = elsewhere(session);
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-session": session.id, ...itemOf("Event") },
    h("meta", { itemprop: "startDate", content: session.starts_at }),
    h("meta", { itemprop: "endDate", content: session.ends_at }),
    h("link", { itemprop: "eventStatus", href: EVENT_STATUS[session.status] }),
    h("link", { itemprop: "eventAttendanceMode", href: `${SCHEMA}OfflineEventAttendanceMode` }),
    named("organizer", "Organization", h("meta", { itemprop: "name", content: week.business })),
    h("p", { class: "time" }, times(session)),
    where && h("p", { class: "soft" }, where),
    h("p", { class: "name", itemprop: "name" }, session.name),
    h(
      "p",
      { class: "soft" },
      named("location", "Place", session.location ? h("bdi", { itemprop: "name" }, session.location) : h("meta", { itemprop: "name", content: week.business })),
      session.location && session.instructor && " · ",
      session.instructor && named("performer", "Person", h("bdi", { itemprop: "name" }, session.instructor)),
    ),
    isCancelled && cancelled(session.cancellation ?? {}),
  );
}

const cancelled = ({ reason, returns_all: returnsAll }) => [
  h("p", {}, h("span", { class: "badge cancelled" }, say("common.cancelled")), reason && ` ${reason}`),
  returnsAll && h("p", { class: "promise" }, say("schedule.promise")),
];

const itemOf = (type) => ({ itemscope: true, itemtype: SCHEMA + type });
const named = (member, type, name) => h("span", { itemprop: member, ...itemOf(type) }, name);

begin(main, show, { title: "schedule.not_found", heading: "schedule.no_such", advice: "schedule.check_address", failed: "common.failed" });
