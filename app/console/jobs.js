// All bulk cancellations, newest first, as they stand.

import { fill, h, table } from "./dom.js";
import { get, patiently, withQuery } from "./api.js";
import { keepLooking } from "./live.js";
import { JOB, moment, number, rangeName, returned } from "./words.js";

const EVERY_SECONDS = 5;
const PAGE = 50;
const COLUMNS = ["Requested", "Status", "Sessions between", "Sessions", "People", "Refunds", "Reason"];

export async function show(main, { business, signal }) {
  let count = PAGE; // so many are shown, at most
  let drawn = null;
  const body = h("tbody");
  const more = h("button", { hidden: true }, "Show more");
  const none = h("p", { class: "note", hidden: true }, "Nothing has been cancelled yet. ", h("a", { href: "/bulk-cancel" }, "Bulk Cancel Sessions"));
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, "The service can't be reached. Trying again…");

  async function read(options = { signal }) {
    const jobs = [];
    let cursor = null;
    do {
      const page = await get(withQuery("/bulk-cancellations", { limit: PAGE, cursor }), options);
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
  document.title = `Bulk cancellations · ${business.name}`;
  fill(
    main,
    h("h1", { id: "jobs-title" }, "Bulk cancellations"),
    lost,
    table(COLUMNS, body, "jobs-title"),
    none,
    more,
  );
  await patiently(() => read(), { signal, waiting });
  keepLooking(read, { seconds: () => EVERY_SECONDS, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

function rowOf(job, business) {
  const { name, badge, owed } = JOB[job.status];
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/jobs/${job.id}` }, moment(job.requested_at, business.timezone))),
    h("td", {}, h("span", { class: `badge ${badge}` }, name)),
    h("td", {}, rangeName(job.date_from, job.date_to)),
    h("td", { class: "number" }, number(job.session_counts.accepted)),
    h("td", { class: "number" }, number(job.totals.clients)),
    h("td", { class: "number" }, `${owed} ${returned(job.totals) ?? "nothing"}`),
    h("td", {}, job.reason ?? ""),
  );
}
