// The week as a calendar: what is on, how full it is, what is cancelled; and the cog wheel that leads to Bulk Cancel.

import { h, icon } from "./dom.js";
import { pageOf } from "./api.js";
import { joined } from "./language.js";
import { elsewhere } from "./said.js";
import { counted, parts, say } from "./say/frame.js";
import { number, times } from "./words.js";
import { showWeek, weekLinks } from "./week.js";

const EVERY_SECONDS = 5;

/** What it asks for first. */
export const asksFirst = ({ query }) => pageOf("/sessions", { date_from: query.get("from") });

export async function show(main, { business, query, signal }) {
  document.title = `${say("frame.schedule")} · ${business.name}`;
  const head = (week) =>
    h("div", { class: "toolbar" }, weekLinks(week, "/"), h("div", { class: "end" }, cog(business, week, signal)));
  await showWeek(main, { path: "/sessions", from: query.get("from"), seconds: EVERY_SECONDS, signal, head, card: (session) => card(session, { business, signal }), none, isTimed: true });
}

const none = () => h("p", { class: "note none" }, parts("calendar.none", { how: h("a", { href: "/docs" }, say("calendar.how")) }));

function cog(business, week, signal) {
  const items = h(
    "ul",
    { id: "cog-menu", hidden: true },
    h("li", {}, h("a", { href: `/bulk-cancel?from=${week.date_from}&to=${week.date_to}` }, say("frame.bulk_cancel"))),
    h("li", {}, h("a", { href: "/jobs" }, say("calendar.so_far"))),
    h("li", {}, h("a", { href: "/terms" }, say("calendar.terms"))),
    h("li", {}, h("a", { href: `/c/${encodeURIComponent(business.id)}` }, say("calendar.clients_see"))),
    h("li", {}, h("a", { href: "/clients" }, say("calendar.a_client"))),
  );
  const button = h(
    "button",
    { "aria-expanded": "false", "aria-controls": "cog-menu", "aria-label": say("calendar.cog") },
    icon("cog"),
  );
  const open = (isOpen) => {
    items.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  };
  const menu = h("div", { class: "menu" }, button, items);
  button.addEventListener("click", () => open(items.hidden));
  document.addEventListener("click", (event) => menu.contains(event.target) || open(false), { signal });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || items.hidden) return;
    open(false);
    button.focus();
  });
  menu.addEventListener("focusout", (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && open(false));
  return menu;
}

function card(session, context) {
  const isCancelled = session.status === "cancelled";
  const where = joined([session.location, session.instructor], " · ");
  return h(
    "li",
    { class: isCancelled ? "card cancelled quiet" : "card", "data-session": session.id },
    h("p", { class: "time" }, times(session)),
    elsewhere(session) && h("p", { class: "soft" }, elsewhere(session)),
    h("p", { class: "name" }, h("button", { class: "open", onclick: () => openRoster(session, context) }, session.name)),
    where && h("p", { class: "soft" }, where),
    isCancelled ? cancelled(session.cancellation ?? {}) : h("p", { class: "soft" }, booked(session)),
  );
}

async function openRoster(session, context) {
  const { openRoster: open } = await import("./roster.js"); // when it is wanted: the first page stays small
  await open(session, context);
}

const booked = ({ booked: count, capacity }) =>
  capacity === null ? counted("count.booked", count) : say("calendar.booked", { booked: number(count), capacity: number(capacity) });

function cancelled({ job_id: job, in_process: inProcess, reason }) {
  return h(
    "p",
    {},
    h("span", { class: "badge cancelled" }, say("common.cancelled")),
    reason && ` ${reason}`,
    " ",
    job && h("a", { href: `/jobs/${job}` }, say(inProcess ? "calendar.not_settled" : "calendar.refunds")),
  );
}
