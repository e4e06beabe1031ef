// A bulk cancellation on paper: what was cancelled, what came back and what did not, for a file or a client. On the screen it
// is not seen; printed, it is all there is.

import { fill, h, table, terms } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { causeOf } from "./causes.js";
import { headline, stepsOf } from "./job_words.js";
import { clientWords, sumWords } from "./refund_words.js";
import { JOB, outcomeWord, refundWord } from "./states.js";
import { keptFacts } from "./terms_words.js";
import { elsewhere, kept, moment, number, rangeName, returned, when } from "./words.js";

const PRINTING = "printing-receipt"; // a class of the page while it is printed

/** The button, what is said where it fails, and the sheet that it prints: the job as it stands then. */
export function receiptOf(path, { business, signal }) {
  const sheet = h("article", { class: "receipt" });
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", {}, "Print a receipt");
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
  const stepped = stepsOf(job).map(([instant, words]) => h("li", {}, `${at(instant)}: ${words}`));
  return [
    h("p", { class: "letterhead" }, business.name),
    h("h1", {}, "Bulk cancellation: receipt"),
    h("p", { class: "headline" }, headline(job, people)),
    h(
      "dl",
      { class: "facts" },
      terms([
        ["State", JOB[job.status].name],
        ["Number", job.id],
        ["Sessions between", rangeName(job.date_from, job.date_to)],
        ["Reason", job.reason ?? "None given"],
        [JOB[job.status].owed, returned(job.totals) ?? "Nothing"],
        ...keptFacts(job),
      ]),
    ),
    h("ol", { class: "steps" }, stepped),
    h("h2", { id: "receipt-sums" }, "What became of it"),
    table(["", "Refunds", "Sum", "Kept"], h("tbody", {}, sumRows(job)), "receipt-sums"),
    ...(open.length ? [h("h2", { id: "receipt-open" }, "Not returned so far"), table(["Client", "Session", "Sum", "Why"], h("tbody", {}, open.map(openRow)), "receipt-open")] : []),
    h("h2", { id: "receipt-sessions" }, "Sessions"),
    table(["Session", "When", "Outcome", "Refunds"], h("tbody", {}, sessions.map((one) => sessionRow(one, job))), "receipt-sessions"),
    h("p", { class: "note" }, `Printed ${at(Date.now())}. Each line with its reference is in the audit CSV of this bulk cancellation.`),
  ];
}

function sumRows(job) {
  const counted = Object.entries(job.refunds).filter(([, sum]) => sum.count);
  return counted.map(([status, sum]) => h("tr", {}, [refundWord(status, job.status), number(sum.count), returned(sum) ?? "", kept(sum) ?? ""].map((words) => h("td", {}, words))));
}

const openRow = (refund) =>
  h("tr", {}, [clientWords(refund.client), `${refund.session.name}, ${when(refund.session)}`, sumWords(refund), causeOf(refund).name].map((words) => h("td", {}, words)));

function sessionRow(session, job) {
  const counted = Object.entries(session.refunds).filter(([, count]) => count);
  const refunds = counted.map(([status, count]) => `${number(count)} ${refundWord(status, job.status).toLowerCase()}`).join(", ");
  const where = [session.name, session.location].filter(Boolean).join(", ");
  const at = [when(session), elsewhere(session)].filter(Boolean).join(" · ");
  return h("tr", {}, [where, at, outcomeWord(session.outcome, job.status), refunds].map((words) => h("td", {}, words)));
}
