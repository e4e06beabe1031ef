// All bulk cancellations, newest first, as they stand: who asked for each and when, what came back and what did not.

import { fill, h, table } from "./dom.js";
import { get, patiently, withQuery } from "./api.js";
import { keepLooking } from "./live.js";
import { notReturned } from "./job_words.js";
import { JOB, jobWord, owedWords } from "./states.js";
import { joined } from "./language.js";
import { returned } from "./said.js";
import { counted, say } from "./say/job.js";
import { moment, rangeName } from "./words.js";

const EVERY_SECONDS = 5;
const PAGE = 25;
const COLUMNS = ["requested", "status", "sessions", "to_return", "returned", "not_returned", "reason"];
const NEEDS = "needs-you"; // of the filter, beside each status

/** What it asks for first. */
export const asksFirst = ({ query }) => addressOf(query.get("show") ?? "", null);

const addressOf = (chosen, cursor) => withQuery("/bulk-cancellations", { ...filterOf(chosen), sums: true, limit: PAGE, cursor });

export async function show(main, { business, query, signal }) {
  const chosen = query.get("show") ?? "";
  let count = PAGE; // so many are shown, at most
  let drawn = null;
  const body = h("tbody");
  const more = h("button", { hidden: true }, say("frame.show_more"));
  const none = h("p", { class: "note", hidden: true }, noneOf(chosen));
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, say("common.lost"));

  async function read(options = { signal }) {
    const jobs = [];
    let cursor = null;
    do {
      const page = await get(addressOf(chosen, cursor), options);
      jobs.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor && jobs.length < count);
    more.hidden = cursor === null;
    none.hidden = jobs.length > 0;
    lost.hidden = true;
    if (JSON.stringify(jobs) === drawn) return; // or a link that has the focus would lose it
    drawn = JSON.stringify(jobs);
    fill(body, jobs.map((job) => rowOf(job, business)));
  }

  const waiting = () => (lost.hidden = false);
  more.addEventListener("click", () => {
    count += PAGE;
    patiently(() => read(), { signal, waiting }).catch(console.error);
  });
  document.title = `${say("frame.jobs")} · ${business.name}`;
  fill(main, h("h1", { id: "jobs-title" }, say("frame.jobs")), lost, filters(chosen), table(COLUMNS.map((one) => say(`jobs.${one}`)), body, "jobs-title"), none, more);
  await patiently(() => read(), { signal, waiting });
  keepLooking(read, { seconds: () => EVERY_SECONDS, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

/** What a filter asks the API for. */
function filterOf(chosen) {
  if (chosen === NEEDS) return { needs_person: true };
  return Object.hasOwn(JOB, chosen) ? { status: chosen } : {};
}

const noneOf = (chosen) => (filterOf(chosen).needs_person ? [say("jobs.nothing_needs")] : chosen ? [say("jobs.none_such")] : [say("jobs.none"), " ", h("a", { href: "/bulk-cancel" }, say("frame.bulk_cancel"))]);

/** One of a row of links, each an address of its own: a filtered list can be kept, and gone back to. */
function filters(chosen) {
  const one = (value, words) =>
    h("a", { class: value === chosen ? "button chip on" : "button chip", href: value ? `/jobs?show=${value}` : "/jobs", "aria-current": value === chosen ? "true" : null }, words);
  return h("nav", { class: "chips wraps", "aria-label": say("jobs.show") }, one("", say("jobs.all")), one(NEEDS, say("jobs.need_you")), Object.keys(JOB).map((status) => one(status, jobWord(status))));
}

function rowOf(job, business) {
  const { badge } = JOB[job.status];
  const failed = notReturned(job);
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/jobs/${job.id}` }, moment(job.requested_at, business.timezone)), h("div", { class: "soft" }, say("jobs.by", { who: job.requested_by.replace(/^key:/, "") }))),
    h("td", {}, h("span", { class: `badge ${badge}` }, jobWord(job.status))),
    h("td", { class: "number" }, rangeName(job.date_from, job.date_to), h("div", { class: "soft" }, joined([counted("count.sessions", job.session_counts.accepted), counted("count.people", job.totals.clients)], say("frame.comma")))),
    h("td", { class: "number" }, say("jobs.owed", { owed: owedWords(job.status), sum: returned(job.totals) ?? say("frame.nothing") })),
    h("td", { class: "number" }, returned(job.refunds.succeeded) ?? ""),
    h("td", { class: "number" }, failed && h("strong", { class: "failed" }, failed)),
    h("td", { class: "reason" }, job.reason ?? ""),
  );
}
