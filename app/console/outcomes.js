// What became of every session that was chosen for a bulk cancellation.

import { drawn, fill, h, table } from "./dom.js";
import { isPassing, pages } from "./api.js";
import { outcomeWord, refundWord } from "./states.js";
import { within } from "./language.js";
import { elsewhere } from "./said.js";
import { say } from "./say/job.js";
import { number, when } from "./words.js";

const PAGE = 100;

/** Every chosen session with what became of it, a page at a time. */
export function sessionOutcomes(path, job, signal) {
  const body = h("tbody");
  const more = h("button", { hidden: true }, say("outcomes.more"));
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "outcomes-title" },
    h("h2", { id: "outcomes-title" }, say("job.sessions")),
    table(["session", "when", "outcome", "refunds"].map((one) => say(`outcomes.${one}`)), body, "outcomes-title"),
    more,
  );
  let shownPages = 1;
  let last = job;
  let state = null; // what the rows were drawn from
  let drawing = false;
  let again = false; // something has changed since the rows that are on their way were asked for

  async function draw() {
    again = drawing;
    if (drawing) return;
    drawing = true;
    try {
      const rows = [];
      let left = shownPages;
      more.hidden = true;
      for await (const page of pages(`${path}/sessions`, { limit: PAGE }, { signal })) {
        rows.push(...page.data.map((session) => drawn(() => outcomeRow(session, last), () => brokenRow(session))));
        left -= 1;
        if (left === 0) {
          more.hidden = page.next_cursor === null;
          break;
        }
      }
      fill(body, rows);
    } catch (error) {
      if (!signal.aborted && !isPassing(error)) throw error;
      state = null; // again at the next update
    } finally {
      drawing = false;
      if (again && !signal.aborted) draw();
    }
  }

  more.addEventListener("click", () => {
    shownPages += 1;
    draw();
  });
  return {
    element,
    update(now) {
      // While it runs its rows change all the time: they are read again each time a tenth more is settled, and at the end.
      const total = now.totals.refunds + now.totals.nothing_to_return + now.totals.goodwill.grants;
      const open = now.refunds.pending.count + now.refunds.submitted.count + now.refunds.processing.count;
      const next = `${now.status} ${Math.floor((10 * open) / Math.max(total, 1))} ${now.refunds.resolved.count}`;
      if (next === state) return;
      last = now;
      state = next;
      draw();
    },
  };
}

/** How many of a session's refunds are in which state. */
export function countsOf({ refunds }, job) {
  const counted = Object.entries(refunds).filter(([, count]) => count);
  return counted.map(([status, count]) => say("outcomes.count", { n: number(count), state: within(refundWord(status, job.status)) })).join(say("frame.comma"));
}

function outcomeRow(session, job) {
  const other = session.job_id !== job.id && [" ", h("a", { href: `/jobs/${session.job_id}` }, say("frame.see_job"))];
  return h(
    "tr",
    {},
    h("td", {}, session.name, session.location && h("div", { class: "soft" }, session.location)),
    h("td", {}, when(session), elsewhere(session) && h("div", { class: "soft" }, elsewhere(session))),
    h("td", {}, outcomeWord(session.outcome, job.status), ...(other || [])),
    h("td", { class: "number" }, countsOf(session, job)),
  );
}

const brokenRow = (session) =>
  h("tr", {}, h("td", {}, session.name), h("td", { class: "error", colspan: 3 }, say("outcomes.broken")));
