// The week as a calendar: what is on, how full it is, what is cancelled; and the cog wheel that leads to Bulk Cancel.

import { fill, h, icon } from "./dom.js";
import { all, patiently } from "./api.js";
import { keepLooking } from "./live.js";
import { dayName, dayOf, days, number, plusDays, rangeName, times } from "./words.js";

const EVERY_SECONDS = 5;

export async function show(main, { business, query, signal }) {
  const from = query.get("from");
  const asked = from ? { date_from: from, date_to: plusDays(from, 6) } : {};
  const read = () => all("/sessions", asked, { signal });
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, "The service can't be reached. Trying again…");
  if (!main.querySelector(".week")) fill(main, h("h1", {}, "Schedule"), lost, h("p", { class: "note" }, "Loading the week…"));
  let week = await patiently(read, { signal, waiting: () => (lost.hidden = false) });
  const calendar = h("div", { class: "week" });
  document.title = `Schedule · ${business.name}`;
  lost.hidden = true;
  fill(main, h("h1", {}, rangeName(week.date_from, week.date_to)), toolbar(business, week, signal), lost, calendar);
  draw(calendar, week);
  let drawn = JSON.stringify(week);
  const look = async () => {
    week = await read();
    if (JSON.stringify(week) === drawn) return;
    drawn = JSON.stringify(week);
    draw(calendar, week);
  };
  keepLooking(look, { seconds: EVERY_SECONDS, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

function toolbar(business, week, signal) {
  const to = (day) => `/?from=${day}`;
  return h(
    "div",
    { class: "toolbar" },
    h("a", { class: "button", href: to(plusDays(week.date_from, -7)) }, icon("back"), "Previous week"),
    h("a", { class: "button", href: "/" }, "This week"),
    h("a", { class: "button", href: to(plusDays(week.date_from, 7)) }, "Next week", icon("on")),
    h("div", { class: "end" }, cog(business, week, signal)),
  );
}

function cog(business, week, signal) {
  const items = h(
    "ul",
    { id: "cog-menu", hidden: true },
    h("li", {}, h("a", { href: `/bulk-cancel?from=${week.date_from}&to=${week.date_to}` }, "Bulk Cancel Sessions")),
    h("li", {}, h("a", { href: "/jobs" }, "Bulk cancellations so far")),
    h("li", {}, h("a", { href: `/c/${encodeURIComponent(business.id)}` }, "What clients see")),
  );
  const button = h(
    "button",
    { "aria-expanded": "false", "aria-controls": "cog-menu", "aria-label": "Schedule settings" },
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

function draw(calendar, week) {
  const today = dayOf(new Date(), week.timezone);
  const byDay = Map.groupBy(week.data, (session) => dayOf(session.starts_at, week.timezone));
  fill(calendar, ...days(week.date_from, week.date_to).map((day) => column(day, byDay.get(day) ?? [], day === today)));
}

function column(day, sessions, isToday) {
  return h(
    "section",
    { class: isToday ? "day today" : "day", "aria-labelledby": `day-${day}` },
    h("h2", { id: `day-${day}`, "aria-current": isToday ? "date" : null }, dayName(day)),
    sessions.length ? h("ul", {}, ...sessions.map(card)) : h("p", { class: "note" }, "Nothing on."),
  );
}

function card(session) {
  const isCancelled = session.status === "cancelled";
  const where = [session.location, session.instructor].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-session": session.id },
    h("p", { class: "time" }, times(session)),
    h("p", { class: "name" }, session.name),
    where && h("p", { class: "soft" }, where),
    isCancelled ? cancelled(session.cancellation) : h("p", { class: "soft" }, booked(session)),
  );
}

function booked(session) {
  const words = session.capacity === null ? `${number(session.booked)} booked` : null;
  return words ?? `${number(session.booked)}/${number(session.capacity)} booked`;
}

function cancelled({ job_id: job, in_process: inProcess, reason }) {
  return h(
    "p",
    {},
    h("span", { class: "badge cancelled" }, "Cancelled"),
    reason && ` ${reason}`,
    " ",
    h("a", { href: `/jobs/${job}` }, inProcess ? "Refunds under way" : "Refunds"),
  );
}
