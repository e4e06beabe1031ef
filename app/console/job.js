// One bulk cancellation while it runs and after: progress as it comes, what needs a person and the action each takes,
// every session's outcome, undo while on hold, and the audit CSV.

import { announce, download, fill, h, table, terms } from "./dom.js";
import { call, follow, get, isPassing, pages, patiently, post, Refused, sleep } from "./api.js";
import { changed } from "./live.js";
import { attention } from "./attention.js";
import { duration, JOB_STATUS, moment, number, plural, rangeName, REFUND_STATUS, returned } from "./words.js";

const IN_PROCESS = new Set(["held", "queued", "running"]);
const RATE_OVER_MS = 30_000;
const LOOK_SECONDS = 10;
const PAGE = 100;

export async function show(main, { business, params, signal, flash }) {
  const path = `/bulk-cancellations/${params.id}`;
  const lost = h("p", { class: "note warning", role: "status" }, "The connection is lost. Coming back by itself…");
  const waiting = () => lost.isConnected || fill(main, lost);
  const first = await patiently(() => get(path, { signal }), { signal, waiting });
  lost.hidden = true;
  document.title = `Bulk cancellation · ${business.name}`;
  let acted = () => {};
  const view = jobView(first, { business, path, signal, acted: (job) => acted(job) });
  fill(main, h("h1", {}, "Bulk cancellation"), flash?.accepted && accepted(flash), lost, ...view.elements);
  if (flash?.accepted) announce("The job is being processed.");
  acted = watch(first, { path, signal, seen: view.update, connected: (well) => (lost.hidden = well) });
}

function accepted({ saved }) {
  const csv = saved
    ? "Its CSV has been downloaded for your audit."
    : "The download of its CSV broke off: take it from here.";
  return h("p", { class: "flash", role: "status" }, `Your job is being processed. ${csv} You may leave this page.`);
}

/**
 * Follows the job while it is in process, and looks now and then once it is not: a person may have it tried again. Gives
 * what to call with the job after something was done to it here, which is followed at once.
 */
function watch(job, { path, signal, seen, connected }) {
  let last = job;
  let wake = () => {};
  const told = (one) => {
    last = one;
    seen(one);
  };
  const look = async () => {
    try {
      const found = await get(path, { signal });
      connected(true);
      told(found);
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      connected(false);
    }
  };
  const run = async () => {
    while (!signal.aborted) {
      if (IN_PROCESS.has(last.status)) {
        await follow(`${path}/events?refunds=false`, { signal, connected, heard: (event) => told(event.data) });
        continue;
      }
      const waking = new AbortController();
      wake = () => waking.abort();
      await sleep(LOOK_SECONDS * 1_000, AbortSignal.any([signal, waking.signal]));
      if (!signal.aborted && !waking.signal.aborted && !document.hidden) await look();
    }
  };
  run().catch(console.error);
  return (one) => {
    told(one);
    wake();
  };
}

function jobView(first, { business, path, signal, acted }) {
  const status = h("span", { class: "badge" });
  const bar = h("progress", { "aria-labelledby": "progress-words" });
  const words = h("p", { id: "progress-words" });
  const sums = h("dl", { class: "facts", "aria-label": "Refunds by status" });
  const undo = undoPanel(path, signal, acted);
  const needed = attention({ path, signal, acted });
  const csv = h("button", {}, "Download the CSV as it stands");
  const csvError = h("p", { class: "error", role: "alert" });
  csv.addEventListener("click", () => saveCsv(path, first.id, csv, csvError));
  const outcomes = sessionOutcomes(path, first, signal);
  const pace = rate();
  let told = null;

  function update(job) {
    const total = job.totals.refunds + job.totals.nothing_to_return;
    const { succeeded, rejected, skipped, resolved } = job.refunds;
    const done = succeeded.count + rejected.count + skipped.count + resolved.count;
    status.textContent = JOB_STATUS[job.status];
    status.className = `badge ${{ completed: "good", completed_with_failures: "bad", withdrawn: "" }[job.status] ?? ""}`;
    bar.max = Math.max(total, 1);
    bar.value = IN_PROCESS.has(job.status) ? done : Math.max(total, 1);
    bar.hidden = job.status === "withdrawn";
    words.textContent = progressWords(job, done, total, pace(done, total));
    fill(sums, sumsOf(job));
    csv.textContent = IN_PROCESS.has(job.status) ? "Download the CSV as it stands" : "Download the final CSV";
    undo.update(job);
    needed.update(job);
    outcomes.update(job);
    if (told !== null && told !== job.status) {
      announce(`The bulk cancellation is ${JOB_STATUS[job.status].toLowerCase()}.`);
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
    h("div", { class: "toolbar" }, csv),
    csvError,
  );
  return { update, elements: [about(first, business), undo.element, progress, needed.element, outcomes.element] };
}

function about(job, business) {
  const facts = [
    ["Requested", `${moment(job.requested_at, business.timezone)} by ${job.requested_by.replace(/^key:/, "")}`],
    ["Sessions between", rangeName(job.date_from, job.date_to)],
    ["Reason", job.reason ?? "None given"],
    ["Sessions", sessionCounts(job.session_counts)],
    ["People", number(job.totals.clients)],
    ["To return", returned(job.totals) ?? "Nothing"],
  ];
  return h("dl", { class: "facts" }, terms(facts));
}

function sessionCounts(counts) {
  const parts = [`${number(counts.accepted)} cancelled`];
  if (counts.already_in_process) parts.push(`${number(counts.already_in_process)} already in process`);
  if (counts.already_cancelled) parts.push(`${number(counts.already_cancelled)} already cancelled`);
  return parts.join(", ");
}

function progressWords(job, done, total, secondsLeft) {
  if (job.status === "withdrawn") return "It was undone: its sessions are scheduled again and nothing was returned.";
  const back = returned(job.refunds.succeeded);
  const parts = [`${number(done)} of ${plural(total, "line")} settled`, back ? `${back} returned so far` : "nothing returned so far"];
  if (job.status === "running" && secondsLeft !== null) parts.push(`about ${duration(secondsLeft)} left`);
  if (!IN_PROCESS.has(job.status)) parts[1] = back ? `${back} returned` : "nothing returned";
  return parts.join(" · ");
}

function sumsOf(job) {
  const counted = Object.entries(job.refunds).filter(([, sum]) => sum.count);
  return terms(
    counted.map(([status, sum]) => [REFUND_STATUS[status], [number(sum.count), returned(sum)].filter(Boolean).join(" · ")]),
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
      changed();
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

async function saveCsv(path, id, button, error) {
  button.disabled = true;
  error.textContent = "";
  try {
    const answer = await call("GET", `${path}/audit.csv`, { headers: { Accept: "text/csv" }, patience: 0 });
    download(await answer.blob(), `bulk-cancellation-${id}.csv`);
  } catch (failed) {
    error.textContent = failed instanceof Refused ? failed.message : "The download broke off. Try again.";
  }
  button.disabled = false;
}

/** Every chosen session with what became of it, a page at a time. */
function sessionOutcomes(path, job, signal) {
  const body = h("tbody");
  const more = h("button", { hidden: true }, "Show more sessions");
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "outcomes-title" },
    h("h2", { id: "outcomes-title" }, "Sessions"),
    table(["Session", "When", "Outcome", "Refunds"], body, "outcomes-title"),
    more,
  );
  let shownPages = 1;
  let drawn = null; // what the rows were drawn from
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
        rows.push(...page.data.map((session) => outcomeRow(session, job.id)));
        left -= 1;
        if (left === 0) {
          more.hidden = page.next_cursor === null;
          break;
        }
      }
      fill(body, rows);
    } catch (error) {
      if (!signal.aborted && !isPassing(error)) throw error;
      drawn = null; // again at the next update
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
      const total = now.totals.refunds + now.totals.nothing_to_return;
      const open = now.refunds.pending.count + now.refunds.submitted.count + now.refunds.processing.count;
      const state = `${now.status} ${Math.floor((10 * open) / Math.max(total, 1))} ${now.refunds.resolved.count}`;
      if (state === drawn) return;
      drawn = state;
      draw();
    },
  };
}

function outcomeRow(session, jobId) {
  const words = { accepted: "Cancelled", already_in_process: "Already in process", already_cancelled: "Already cancelled" };
  const other = session.job_id !== jobId && [" ", h("a", { href: `/jobs/${session.job_id}` }, "See its job")];
  const refunds = Object.entries(session.refunds).filter(([, count]) => count);
  return h(
    "tr",
    {},
    h("td", {}, session.name, session.location && h("div", { class: "soft" }, session.location)),
    h("td", {}, moment(session.starts_at, session.timezone)),
    h("td", {}, words[session.outcome], ...(other || [])),
    h("td", { class: "number" }, refunds.map(([status, count]) => `${number(count)} ${REFUND_STATUS[status].toLowerCase()}`).join(", ")),
  );
}
