// One bulk cancellation while it runs and after: progress as it comes, what needs a person and the action each takes,
// every session's outcome, undo while on hold, and the audit CSV.

import { announce, fill, h, terms } from "./dom.js";
import { get, isPassing, patiently, post, Refused } from "./api.js";
import { changed, keepLooking } from "./live.js";
import { attention } from "./attention.js";
import { Cut, fetchCsv, fetchWorkbook, mayAudit } from "./audit.js";
import { sessionOutcomes } from "./outcomes.js";
import { keptFacts } from "./terms_words.js";
import { duration, JOB, kept, moment, number, plural, rangeName, refundWord, returned } from "./words.js";

const RATE_OVER_MS = 30_000;
const EVERY_SECONDS = { held: 5, queued: 1, running: 1 };
const EVERY_SECONDS_ONCE_OVER = 10; // a person may have it tried again

export async function show(main, { business, params, signal, flash }) {
  const path = `/bulk-cancellations/${params.id}`;
  const lost = h("p", { class: "note warning", role: "status" }, "The connection is lost. Coming back by itself…");
  const waiting = () => lost.isConnected || fill(main, lost);
  const first = await patiently(() => get(path, { signal }), { signal, waiting });
  lost.hidden = true;
  document.title = `Bulk cancellation · ${business.name}`;
  let last = first;
  const seen = (job) => {
    last = job;
    view.update(job);
  };
  const acted = (job) => {
    seen(job);
    changed(); // and is looked at again at once, here too
  };
  const view = jobView(first, { business, path, signal, acted, flash: flash?.accepted && accepted(flash) });
  fill(main, h("h1", {}, "Bulk cancellation"), lost, ...view.elements);
  if (flash?.accepted) announce(JOB[first.status].accepted);
  const look = async (options) => seen(await get(path, options));
  const seconds = () => EVERY_SECONDS[last.status] ?? EVERY_SECONDS_ONCE_OVER;
  keepLooking(look, { seconds, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

/** What whoever has just pressed is told, for as long as it is so. */
function accepted({ saved }) {
  const missed = saved === null ? "Its CSV is for keys that may read the audit." : "The download of its CSV broke off: take it from here.";
  const csv = saved ? "Its CSV has been downloaded for your audit." : missed;
  const element = h("p", { class: "flash", role: "status" });
  const update = ({ status }) => {
    element.textContent = `${JOB[status].accepted} ${csv} You may leave this page.`;
    element.hidden = status === "withdrawn";
  };
  return { element, update };
}

function jobView(first, { business, path, signal, acted, flash }) {
  const facts = h("dl", { class: "facts" });
  const status = h("span", { class: "badge" });
  const bar = h("progress", { "aria-labelledby": "progress-words" });
  const words = h("p", { id: "progress-words" });
  const sums = h("dl", { class: "facts", "aria-label": "Refunds by status" });
  const undo = undoPanel(path, signal, acted);
  const needed = attention({ path, signal, acted });
  const csv = h("button", {}, "Download the CSV as it stands");
  const csvError = h("p", { class: "error", role: "alert" });
  csv.addEventListener("click", () => save(fetchCsv, csv));
  const workbook = h("button", { onclick: () => save(fetchWorkbook, workbook) }, "Download for a spreadsheet (.xlsx)");
  const save = async (fetched, button) => {
    button.disabled = true;
    csvError.textContent = "";
    try {
      await fetched(path, first.id);
    } catch (failed) {
      if (!(failed instanceof Refused || failed instanceof Cut || isPassing(failed))) throw failed;
      csvError.textContent = failed.message;
    } finally {
      button.disabled = false;
    }
  };
  const outcomes = sessionOutcomes(path, first, signal);
  const pace = rate();
  let told = null;

  function update(job) {
    const total = job.totals.refunds + job.totals.nothing_to_return + job.totals.goodwill.grants;
    const { succeeded, rejected, skipped, resolved } = job.refunds;
    const done = succeeded.count + rejected.count + skipped.count + resolved.count;
    const { name, badge, isOpen } = JOB[job.status];
    flash?.update(job);
    fill(facts, factsOf(job, business));
    status.textContent = name;
    status.className = `badge ${badge}`;
    bar.max = Math.max(total, 1);
    bar.value = isOpen ? done : Math.max(total, 1);
    bar.hidden = job.status === "withdrawn";
    words.textContent = progressWords(job, done, total, pace(done, total));
    fill(sums, sumsOf(job));
    csv.textContent = isOpen ? "Download the CSV as it stands" : "Download the final CSV";
    undo.update(job);
    needed.update(job);
    outcomes.update(job);
    if (told !== null && told !== job.status) {
      announce(`The bulk cancellation is ${name.toLowerCase()}.`);
      changed();
    }
    told = job.status;
  }

  update(first);
  const progress = h(
    "section",
    { class: "panel", "aria-labelledby": "progress-title" },
    h("h2", { id: "progress-title" }, "Progress ", status),
    bar,
    words,
    sums,
    mayAudit(business) && h("div", { class: "toolbar" }, csv, workbook),
    csvError,
  );
  return { update, elements: [flash?.element, facts, undo.element, progress, needed.element, outcomes.element] };
}

function factsOf(job, business) {
  return terms([
    ["Requested", `${moment(job.requested_at, business.timezone)} by ${job.requested_by.replace(/^key:/, "")}`],
    ["Sessions between", rangeName(job.date_from, job.date_to)],
    ["Reason", job.reason ?? "None given"],
    ["Sessions", sessionCounts(job)],
    ["People", number(job.totals.clients)],
    [JOB[job.status].owed, returned(job.totals) ?? "Nothing"],
    ...keptFacts(job),
  ]);
}

function sessionCounts({ status, session_counts: counts }) {
  const parts = [`${number(counts.accepted)} ${JOB[status].sessions}`];
  if (counts.already_in_process) parts.push(`${number(counts.already_in_process)} already in process`);
  if (counts.already_cancelled) parts.push(`${number(counts.already_cancelled)} already cancelled`);
  return parts.join(", ");
}

function progressWords(job, done, total, secondsLeft) {
  if (job.status === "withdrawn") return "It was undone: its sessions are scheduled again and nothing was returned.";
  const back = returned(job.refunds.succeeded);
  const parts = [`${number(done)} of ${plural(total, "line")} settled`, back ? `${back} returned so far` : "nothing returned so far"];
  if (job.status === "running" && secondsLeft !== null) parts.push(`about ${duration(secondsLeft)} left`);
  if (!JOB[job.status].isOpen) parts[1] = back ? `${back} returned` : "nothing returned";
  return parts.join(" · ");
}

function sumsOf(job) {
  const counted = Object.entries(job.refunds).filter(([, sum]) => sum.count);
  return terms(
    counted.map(([status, sum]) => [refundWord(status, job.status), [number(sum.count), returned(sum), kept(sum) && `${kept(sum)} kept`].filter(Boolean).join(" · ")]),
  );
}

/** Seconds that are left, by the pace of late; null while there is none. */
function rate() {
  const seen = [];
  return (done, total) => {
    const now = performance.now();
    seen.push([now, done]);
    while (seen.length > 2 && now - seen[0][0] > RATE_OVER_MS) seen.shift();
    const [since, before] = seen[0];
    return done > before && now > since ? ((total - done) * (now - since)) / (done - before) / 1_000 : null;
  };
}

/** While a job is on hold: how long still, and the button that undoes it. */
function undoPanel(path, signal, updated) {
  const words = h("p");
  const button = h("button", {}, "Undo: schedule the sessions again");
  const error = h("p", { class: "error", role: "alert" });
  const element = h("section", { class: "panel", "aria-label": "On hold", hidden: true }, words, button, error);
  let until = null;
  const tick = () => {
    const seconds = Math.max(0, (until - Date.now()) / 1_000);
    words.textContent = seconds ? `On hold: nothing is returned for another ${duration(seconds)}.` : "The hold is about to end.";
  };
  const timer = setInterval(() => element.hidden || tick(), 1_000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  button.addEventListener("click", async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      updated(await post(`${path}/withdraw`, undefined, { signal }));
    } catch (refused) {
      if (signal.aborted) return;
      error.textContent = refused.message;
      button.disabled = false;
    }
  });
  return {
    element,
    update(job) {
      element.hidden = job.status !== "held";
      until = job.hold_until && new Date(job.hold_until);
      if (!element.hidden) tick();
    },
  };
}
