// A week as days beside each other, kept as things are while it is looked at: the administrator's and the clients' alike.

import { fill, h, icon } from "./dom.js";
import { all, patiently } from "./api.js";
import { keepLooking } from "./live.js";
import { dayName, dayOf, days, plusDays, rangeName } from "./words.js";

/**
 * Shows the week of `path` (a list of sessions with its days and time zone) and keeps it so. `head(week)` gives what
 * stands above the days, `card(session, week)` one session, `below` what stands under them. Ends once it is shown.
 */
export async function showWeek(main, { path, from, seconds, signal, head, card, below = [] }) {
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, "The service can't be reached. Trying again…");
  const calendar = h("div", { class: "week" });
  const reached = (well) => (lost.hidden = well);
  const read = () => all(path, { date_from: from }, { signal }); // a week, as long as nobody says otherwise
  let monday = null; // of the week that the page is about: at midnight on a Sunday it becomes another
  let drawn = null;

  function draw(week) {
    const today = dayOf(new Date(), week.timezone);
    const state = JSON.stringify([today, week]);
    if (state === drawn) return;
    drawn = state;
    if (monday !== week.date_from) {
      monday = week.date_from;
      fill(main, h("h1", {}, rangeName(week.date_from, week.date_to)), head(week), lost, calendar, below);
    }
    fill(calendar, columns(week, today, card));
  }

  const waiting = () => {
    reached(false);
    if (!lost.isConnected) fill(main, lost);
  };
  draw(await patiently(read, { signal, waiting }));
  reached(true);
  keepLooking(async () => draw(await read()), { seconds, signal, reached }).catch(console.error);
}

/** Links to the weeks around one, at pages whose address is `to`. */
export function weekLinks(week, to) {
  return [
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, -7)}` }, icon("back"), "Previous week"),
    h("a", { class: "button", href: to }, "This week"),
    h("a", { class: "button", href: `${to}?from=${plusDays(week.date_from, 7)}` }, "Next week", icon("on")),
  ];
}

function columns(week, today, card) {
  const byDay = Map.groupBy(week.data, (session) => dayOf(session.starts_at, week.timezone));
  return days(week.date_from, week.date_to).map((day) => {
    const cards = (byDay.get(day) ?? []).map((session) => card(session, week));
    return h(
      "section",
      { class: day === today ? "day today" : "day", "aria-labelledby": `day-${day}` },
      h("h2", { id: `day-${day}`, "aria-current": day === today ? "date" : null }, dayName(day)),
      cards.length ? h("ul", {}, cards) : h("p", { class: "note" }, "Nothing on."),
    );
  });
}
