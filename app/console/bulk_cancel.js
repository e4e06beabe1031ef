// Bulk Cancel Sessions: the week's sessions to choose from, the plan of what is chosen, and the one button.

import { announce, fill, h, icon } from "./dom.js";
import { all, isPassing, pageOf, patiently, Refused } from "./api.js";
import { mayAudit } from "./audit.js";
import { dateFields, filterFields } from "./choosing.js";
import { keepLooking } from "./live.js";
import { PlanPanel } from "./plan_panel.js";
import { presser, whyNot } from "./press.js";
import { at } from "./root.js";
import { SessionList } from "./session_list.js";
import { returned } from "./said.js";
import { counted, parts, say } from "./say/plan.js";
import { daysBetween, number, plusDays, today } from "./words.js";

const EVERY_SECONDS = 10;
const EVERY_SECONDS_OF_MANY = 60;
const MANY = 400;

/** What it asks for first. */
export const asksFirst = ({ query }) => pageOf("/sessions", { date_from: query.get("from"), date_to: query.get("to") });

export async function show(main, { business, query, signal, go }) {
  document.title = `${say("frame.bulk_cancel")} · ${business.name}`;
  const range = { date_from: query.get("from"), date_to: query.get("to") };
  const trouble = h("div", { class: "trouble", role: "alert", id: "trouble" });
  let panel = null; // there once the list is, which tells of its first ticks
  const chosen = chosenBar(() => panel.look());
  const list = new SessionList({
    changed: () => {
      chosen.update(list.ticked().length);
      panel?.renew();
    },
    none: () => none(range),
  });
  const presses = presser({
    business,
    trouble,
    busy: (isBusy) => panel.busy(isBusy),
    refused: (error) => {
      if (panel.refuses(error)) {
        fill(trouble); // said beside its fields
        return;
      }
      panel.renew();
      sessions.look({ signal }).catch(() => {});
    },
    accepted: (job, saved) => signal.aborted || go(`/jobs/${job}`, { flash: { accepted: true, saved } }),
  });
  panel = new PlanPanel({
    business,
    signal,
    chosen: () => ({ ...range, session_ids: list.ticked() }),
    planned: (plan) => {
      list.mark(plan.sessions);
      chosen.update(plan.totals.sessions, plan.totals);
    },
    press: presses.press,
    words: say(mayAudit(business) ? "pick.press_csv" : "pick.press"),
  });
  const filters = filterFields((test) => list.filter(test));
  const sessions = sessionsOf(range, { list, filters, trouble, signal });
  fill(main, h("h1", {}, say("frame.bulk_cancel")), trouble, layout({ sessions, filters, list, panel, chosen }));
  await sessions.load();
  presses.remind();
  announce(counted("pick.to_choose", sessions.count()));
  const seconds = () => (sessions.count() > MANY ? EVERY_SECONDS_OF_MANY : EVERY_SECONDS);
  keepLooking(sessions.look, { seconds, signal }).catch(console.error);
}

/** Says that no session is on these days, and where one may be. */
function none({ date_from: from, date_to: to }) {
  const days = daysBetween(from, to) + 1;
  const other = (words, by) =>
    h("a", { class: "button", href: `/bulk-cancel?from=${plusDays(from, by)}&to=${plusDays(to, by)}` }, words);
  return [
    h("p", {}, say("pick.none")),
    h("p", { class: "toolbar" }, other(say("pick.before"), -days), other(say("pick.after"), days)),
    h("p", { class: "note" }, parts("pick.import", { how: h("a", { href: "/docs" }, say("calendar.how")) })),
  ];
}

function layout({ sessions, filters, list, panel, chosen }) {
  return h(
    "div",
    { class: "choosing" },
    h(
      "div",
      {},
      h("div", { class: "toolbar days" }, sessions.dates),
      filters.element,
      h("div", { class: "toolbar" }, list.buttons, list.count),
      sessions.state,
      list.element,
      chosen.element,
    ),
    panel.element,
  );
}

/** Where the plan is not beside the list: how many are chosen and what comes back, and the way to the plan. */
function chosenBar(review) {
  const words = h("p", {});
  const element = h("div", { class: "chosen-bar", hidden: true }, words, h("button", { class: "primary", onclick: review }, say("pick.review")));
  return {
    element,
    /** Says that so many are chosen; what comes back is in `totals`, once it is known. */
    update(count, totals = null) {
      element.hidden = count === 0;
      words.textContent = say("pick.chosen", { n: number(count), back: totals ? (returned(totals) ?? say("pick.nothing_back")) : "…" });
    },
  };
}

/** Links to the same days of the week before and after, with what is between them. */
function withWeeks(range, ...between) {
  const link = (name, by, words) => {
    const element = h("a", { class: "button", "aria-label": words, title: words }, icon(name));
    return { element, by };
  };
  const links = [link("back", -7, say("week.previous")), link("on", 7, say("week.next"))];
  return {
    elements: [links[0].element, ...between, links[1].element],
    show() {
      for (const { element, by } of links) element.href = at(`/bulk-cancel?from=${plusDays(range.date_from, by)}&to=${plusDays(range.date_to, by)}`);
    },
  };
}

/** The sessions of a range, which a person may change: read into the list, and read again now and then. */
function sessionsOf(range, { list, filters, trouble, signal }) {
  const state = h("p", { class: "note", role: "status" });
  let found = [];
  let loading = null; // what a person is waiting for
  const dates = dateFields((days) => {
    Object.assign(range, days);
    shown();
    list.outdate();
    load();
  });

  const weeks = withWeeks(range, ...dates.elements);
  const shown = () => {
    dates.show(range);
    weeks.show();
  };

  async function load() {
    loading?.abort();
    const mine = (loading = new AbortController());
    const either = AbortSignal.any([signal, mine.signal]);
    const tell = (words) => {
      state.hidden = !words;
      state.textContent = words;
    };
    const progress = (count) => tell(say("pick.loaded", { count: number(count) }));
    tell(say("pick.loading"));
    try {
      const waiting = () => tell(say("common.lost"));
      take(await patiently(() => all("/sessions", range, { signal: either, progress }), { signal: either, waiting }));
      history.replaceState(history.state, "", at(`/bulk-cancel?from=${range.date_from}&to=${range.date_to}`));
      fill(trouble);
      tell("");
    } catch (error) {
      if (either.aborted) return;
      tell("");
      if (!(error instanceof Refused)) throw error;
      fill(trouble, whyNot(error));
    } finally {
      if (loading === mine) loading = null;
    }
  }

  function take(page) {
    Object.assign(range, { date_from: page.date_from, date_to: page.date_to });
    shown();
    if (list.stands && !list.isBehind() && JSON.stringify(page.data) === JSON.stringify(found)) return;
    found = page.data;
    filters.offer(found);
    list.show(found, today(page.timezone));
  }

  return {
    state,
    dates: weeks.elements,
    load,
    count: () => found.length,
    /** Looks again without a person's asking: what they are waiting for comes first, and what they were told stays. */
    async look(options) {
      if (loading) return;
      const page = await all("/sessions", range, options).catch((error) => {
        if (error instanceof Refused && !isPassing(error)) return null;
        throw error;
      });
      if (page && !loading) take(page);
    },
  };
}
