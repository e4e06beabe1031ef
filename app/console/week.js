// A week as days beside each other, kept as things are while it is looked at: the administrator's and the clients' alike.

import { drawn, fill, h, icon } from "./dom.js";
import { all, patiently } from "./api.js";
import { keepLooking } from "./live.js";
import { dayName, days, plusDays, rangeName, today } from "./words.js";

/**
 * Shows the week of `path` (a list of sessions with its days and time zone) and keeps it so. `head(week)` gives what
 * stands above the days, `card(session, week)` one session, `none` what is said of a week without any, `below` what stands
 * under them. Ends once it is shown.
 */
export async function showWeek(main, { path, from, seconds, signal, head, card, none = null, below = [] }) {
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, "The service can't be reached. Trying again…");
  const calendar = h("div", { class: "week" });
  const reached = (well) => (lost.hidden = well);
  const read = (options) => all(path, { date_from: from }, options); // a week, as long as nobody says otherwise
  let monday = null; // of the week that the page is about: at midnight on a Sunday it becomes another
  let last = null; // what was drawn

  function draw(week) {
    const now = today(week.timezone);
    const state = JSON.stringify([now, week]);
    if (state === last) return;
    last = state;
    if (monday !== week.date_from) {
      monday = week.date_from;
      fill(main, h("h1", {}, rangeName(week.date_from, week.date_to)), head(week), lost, calendar, below);
    }
    fill(calendar, week.data.length ? null : none, columns(week, now, card));
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
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, -7)}` }, icon("back"), "Previous week"),
    h("a", { class: "button", href: to }, "This week"),
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, 7)}` }, "Next week", icon("on")),
  ];
}

/** The days of the week, and any other that a session of the answer is on: none that was given is on no page. */
function columns(week, now, card) {
  const byDay = Map.groupBy(week.data, (session) => session.business_date);
  const shown = new Set([...days(week.date_from, week.date_to), ...byDay.keys()]);
  return [...shown].sort().map((day) => {
    const cards = (byDay.get(day) ?? []).map((session) => drawn(() => card(session, week), () => broken(session)));
    return h(
      "section",
      { class: day === now ? "day today" : "day", "aria-labelledby": `day-${day}` },
      h("h2", { id: `day-${day}`, "aria-current": day === now ? "date" : null }, dayName(day)),
      cards.length ? h("ul", {}, cards) : h("p", { class: "note" }, "Nothing on."),
    );
  });
}

const broken = (session) =>
  h("li", { class: "card", "data-session": session.id }, h("p", { class: "name" }, session.name), h("p", { class: "error" }, "This session can't be shown."));
