// A week as days beside each other, kept as things are while it is looked at: the administrator's and the clients' alike.

import { drawn, fill, h, icon } from "./dom.js";
import { all, patiently } from "./api.js";
import { now } from "./clock.js";
import { counted, say } from "./language.js";
import { keepLooking } from "./live.js";
import { axisOf } from "./time_axis.js";
import { dayName, days, hourName, minuteThere, plusDays, rangeName, today } from "./words.js";

/**
 * Shows the week of `path` (a list of sessions with its days and time zone) and keeps it so. `head(week)` gives what
 * stands above the days, `card(session, week)` one session, `none()` what is said of a week without any; `read(week)` is told
 * of each answer before it is shown, and waited for; `isTimed`: the days have an axis of hours where there is room beside each other. Ends once it is shown.
 */
export async function showWeek(main, { path, from, seconds, signal, head, card, none = () => null, read: told = async () => {}, isTimed = false }) {
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, say("common.lost"));
  const calendar = h("div", { class: "week" });
  const reached = (well) => (lost.hidden = well);
  let headed = null; // the week that the page is about, in its language: at midnight on a Sunday it becomes another
  let last = null; // what was drawn

  async function read(options) {
    const week = await all(path, { date_from: from }, options); // a week, as long as nobody says otherwise
    await told(week);
    return week;
  }

  function draw(week) {
    const day = today(week.timezone);
    const begun = week.data.map((one) => (Date.parse(one.starts_at) <= now()) + (Date.parse(one.ends_at) <= now())).join("");
    if (isTimed) moveLine(calendar, week);
    const state = JSON.stringify([day, begun, week]);
    if (state === last) return;
    last = state;
    const heading = JSON.stringify([week.date_from, week.language, week.hour_cycle]);
    if (headed !== heading) {
      headed = heading;
      lost.textContent = say("common.lost");
      fill(main, h("h1", {}, rangeName(week.date_from, week.date_to)), head(week), lost, calendar);
    }
    const axis = isTimed ? axisOf(week.data) : null;
    calendar.classList.toggle("timed", axis !== null);
    const sections = columns(week, day, card, axis);
    const gone = sections.filter((one) => one.classList.contains("gone"));
    fill(calendar, week.data.length ? null : none(), gone.length > 0 && earlier(calendar, gone.length), axis && hours(axis), sections);
    if (axis) moveLine(calendar, week);
  }

  const waiting = () => {
    reached(false);
    if (!lost.isConnected) fill(main, lost);
  };
  draw(await patiently(() => read({ signal }), { signal, waiting }));
  reached(true);
  const look = async (options) => draw(await read(options));
  keepLooking(look, { seconds: () => seconds, signal, reached }).catch(console.error);
}

/** Links to the weeks around one, at pages whose address is `to`. */
export function weekLinks(week, to) {
  return [
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, -7)}` }, icon("back"), say("week.previous")),
    h("a", { class: "button", href: to }, say("week.this")),
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, 7)}` }, say("week.next"), icon("on")),
  ];
}

/** On a phone, where days lie below each other, those before today are shown when a person wants them. */
function earlier(calendar, count) {
  const words = () => (calendar.classList.contains("whole") ? say("week.hide") : counted("week.show", count));
  const button = h("button", { class: "earlier", "aria-expanded": String(calendar.classList.contains("whole")) }, words());
  button.addEventListener("click", () => {
    button.setAttribute("aria-expanded", String(calendar.classList.toggle("whole")));
    button.textContent = words();
  });
  return button;
}

/** The hours beside the days, for who sees the page: each session says its own. */
function hours({ from, to }) {
  const names = Array.from({ length: to - from }, (_, place) => h("li", {}, hourName(from + place)));
  return h("ol", { class: "hours", "aria-hidden": "true" }, names);
}

/** The line of now, in today's column. */
function moveLine(calendar, week) {
  const line = calendar.querySelector(".now");
  if (!line) return;
  const at = minuteThere(week.timezone) - Number(line.dataset.from) * 60;
  line.hidden = at < 0 || at > Number(line.dataset.hours) * 60;
  line.style.setProperty("--start", at);
}

function put(element, place) {
  for (const [name, value] of Object.entries(place ?? {})) element.style.setProperty(`--${name}`, value);
  return element;
}

/** The days of the week, and any other that a session of the answer is on: none that was given is on no page. */
function columns(week, day, card, axis) {
  const byDay = Map.groupBy(week.data, (session) => session.business_date);
  const shown = new Set([...days(week.date_from, week.date_to), ...byDay.keys()]);
  const isOn = shown.has(day) && day <= week.date_to;
  return [...shown].sort().map((one) => {
    const cards = (byDay.get(one) ?? []).map((session) =>
      put(passed(drawn(() => card(session, week), () => broken(session)), session), axis?.places.get(session.id)),
    );
    const span = axis && { hours: axis.to - axis.from };
    const line = axis && one === day && h("div", { class: "now", "data-from": axis.from, "data-hours": span.hours });
    return put(
      h(
        "section",
        { class: ["day", one === day && "today", isOn && one < day && "gone"].filter(Boolean).join(" "), "aria-labelledby": `day-${one}` },
        h("h2", { id: `day-${one}`, "aria-current": one === day ? "date" : null }, dayName(one)),
        h("div", { class: "lanes" }, cards.length ? h("ul", {}, cards) : h("p", { class: "note" }, say("week.nothing")), line),
      ),
      span,
    );
  });
}

function passed(element, session) {
  element.classList.toggle("past", Date.parse(session.ends_at) <= now());
  return element;
}

const broken = (session) =>
  h("li", { class: "card", "data-session": session.id }, h("p", { class: "name" }, session.name), h("p", { class: "error" }, say("week.broken")));
