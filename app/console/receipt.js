// A bulk cancellation on paper: what was cancelled, what came back and what did not, for a file or a client. On the screen it
// is not seen; printed, it is all there is.

import { fill, h, table, terms } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { causeOf } from "./causes.js";
import { headline, stepsOf } from "./job_words.js";
import { clientWords, sumWords } from "./refund_words.js";
import { joined } from "./language.js";
import { countsOf } from "./outcomes.js";
import { elsewhere, kept, returned } from "./said.js";
import { say } from "./say/job.js";
import { jobWord, outcomeWord, owedWords, refundWord } from "./states.js";
import { keptFacts } from "./kept_facts.js";
import { moment, number, rangeName, when } from "./words.js";

const PRINTING = "printing-receipt"; // a class of the page while it is printed

/** The button, what is said where it fails, and the sheet that it prints: the job as it stands then. */
export function receiptOf(path, { business, signal }) {
  const sheet = h("article", { class: "receipt" });
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", {}, say("receipt.print"));
  button.addEventListener("click", async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      const asked = { signal };
      const [job, people, sessions, open] = await Promise.all([get(path, asked), get(`${path}/people`, asked), all(`${path}/sessions`, {}, asked), all(`${path}/outstanding`, {}, asked)]);
      fill(sheet, sheetOf({ job, people, business, sessions: sessions.data, open: open.data }));
      document.documentElement.classList.add(PRINTING);
      addEventListener("afterprint", () => document.documentElement.classList.remove(PRINTING), { once: true });
      print();
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    } finally {
      button.disabled = false;
    }
  });
  return { button, error, sheet };
}

function sheetOf({ job, people, business, sessions, open }) {
  const at = (instant) => moment(instant, business.timezone);
  const stepped = stepsOf(job).map(([instant, words]) => h("li", {}, say("facts.kept_line", { rule: at(instant), sum: words })));
  return [
    h("p", { class: "letterhead" }, business.name),
    h("h1", {}, say("receipt.title")),
    h("p", { class: "headline" }, headline(job, people)),
    h(
      "dl",
      { class: "facts" },
      terms([
        [say("receipt.state"), jobWord(job.status)],
        [say("receipt.number"), job.id],
        [say("job.between"), rangeName(job.date_from, job.date_to)],
        [say("job.reason"), job.reason ?? say("job.no_reason")],
        [owedWords(job.status), returned(job.totals) ?? say("job.nothing")],
        ...keptFacts(job),
      ]),
    ),
    h("ol", { class: "steps" }, stepped),
    h("h2", { id: "receipt-sums" }, say("receipt.became")),
    table(["", ...["outcomes.refunds", "receipt.sum", "receipt.kept"].map((one) => say(one))], h("tbody", {}, sumRows(job)), "receipt-sums"),
    ...(open.length ? [h("h2", { id: "receipt-open" }, say("receipt.open")), table(["receipt.client", "outcomes.session", "receipt.sum", "receipt.why"].map((one) => say(one)), h("tbody", {}, open.map(openRow)), "receipt-open")] : []),
    h("h2", { id: "receipt-sessions" }, say("job.sessions")),
    table(["session", "when", "outcome", "refunds"].map((one) => say(`outcomes.${one}`)), h("tbody", {}, sessions.map((one) => sessionRow(one, job))), "receipt-sessions"),
    h("p", { class: "note" }, say("receipt.printed", { at: at(Date.now()) })),
  ];
}

function sumRows(job) {
  const counted = Object.entries(job.refunds).filter(([, sum]) => sum.count);
  return counted.map(([status, sum]) => h("tr", {}, [refundWord(status, job.status), number(sum.count), returned(sum) ?? "", kept(sum) ?? ""].map((words) => h("td", {}, words))));
}

const openRow = (refund) =>
  h("tr", {}, [clientWords(refund.client), joined([refund.session.name, when(refund.session)], say("frame.comma")), sumWords(refund), causeOf(refund).name].map((words) => h("td", {}, words)));

function sessionRow(session, job) {
  const where = joined([session.name, session.location], say("frame.comma"));
  const at = joined([when(session), elsewhere(session)], " · ");
  return h("tr", {}, [where, at, outcomeWord(session.outcome, job.status), countsOf(session, job)].map((words) => h("td", {}, words)));
}
