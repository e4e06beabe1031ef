// One bulk cancellation while it runs and after: how its people stand in a sentence, what needs a person and what that person
// does, progress as it comes, every session's outcome, undo while on hold, who did what, and the audit.

import { announce, fill, h, terms } from "./dom.js";
import { get, isPassing, patiently, post, sleep } from "./api.js";
import { now } from "./clock.js";
import { remember } from "./held.js";
import { changed, keepLooking } from "./live.js";
import { actsPanel } from "./acts.js";
import { approvalPanel } from "./approval.js";
import { attention } from "./attention.js";
import { filesOf } from "./files.js";
import { duration, headline } from "./job_words.js";
import { messagesPanel } from "./messages.js";
import { sessionOutcomes } from "./outcomes.js";
import { progressPanel } from "./progress.js";
import { receiptOf } from "./receipt.js";
import { keptFacts } from "./kept_facts.js";
import { sheet } from "./sheets.js";
import { waitingPanel } from "./waiting.js";
import { acceptedWords, jobWord, owedWords, refundWord, sessionsWords } from "./states.js";
import { choiceWords } from "./choice_words.js";
import { joined, within } from "./language.js";
import { kept, returned } from "./said.js";
import { counted, say } from "./say/job.js";
import { moment, number, rangeName } from "./words.js";

const RESTS_TIMES = 9;
const SOON_MS = 200;
const EVERY_SECONDS = { held: 5, queued: 1, running: 1 };
const EVERY_SECONDS_ONCE_OVER = 10; // a person may have it tried again

/** What it asks for first. */
export const asksFirst = ({ params }) => `/bulk-cancellations/${params.id}`;

export async function show(main, { business, params, signal, flash }) {
  const path = `/bulk-cancellations/${params.id}`;
  const lost = h("p", { class: "note warning", role: "status" }, say("job.lost"));
  const waiting = () => lost.isConnected || fill(main, lost);
  const [first] = await Promise.all([patiently(() => get(path, { signal }), { signal, waiting }), sheet("job.css")]);
  lost.hidden = true;
  document.title = `${say("job.title")} · ${business.name}`;
  let last = first;
  const isOurs = Boolean(flash?.accepted); // this tab has just pressed it
  if (isOurs) remember(business, first);
  const seen = (job) => {
    last = job;
    if (isOurs || job.status !== "held") remember(business, job);
    view.update(job);
  };
  const acted = (job) => {
    seen(job);
    changed(); // and is looked at again at once, here too
  };
  const view = jobView(first, { business, path, signal, acted, flash: flash?.accepted && accepted(flash) });
  fill(main, h("h1", {}, say("job.title")), lost, ...view.elements);
  if (flash?.accepted) announce(acceptedWords(first.status));
  const look = async (options) => seen(await get(path, options));
  const seconds = () => EVERY_SECONDS[last.status] ?? EVERY_SECONDS_ONCE_OVER;
  keepLooking(look, { seconds, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

/** What whoever has just pressed is told, for as long as it is so. */
function accepted({ saved }) {
  const missed = saved === null ? "job.csv_audit" : "job.csv_broke";
  const csv = say(saved ? "job.csv_saved" : missed);
  const element = h("p", { class: "flash", role: "status" });
  const update = ({ status }) => {
    const downloaded = status === "awaiting_approval" ? "" : ` ${csv}`; // of which there is nothing in it yet
    element.textContent = `${acceptedWords(status)}${downloaded} ${say("job.leave")}`;
    element.hidden = status === "withdrawn" || status === "refused";
  };
  return { element, update };
}

function jobView(first, { business, path, signal, acted, flash }) {
  const headlined = h("p", { class: "headline" });
  const people = peopleOf(path, signal, () => lead());
  const receipt = receiptOf(path, { business, signal });
  const files = filesOf(first, { path, business, more: receipt.button });
  const waiting = waitingPanel({ path, business, signal });
  // In this order on the page; each has an element, and takes up the job as it stands.
  const panels = [
    approvalPanel({ path, business, signal, acted }),
    undoPanel({ path, business, signal, acted }),
    attention({ path, business, signal, acted }),
    progressPanel([...files.elements, receipt.error]),
    waiting,
    aboutPanel(business),
    messagesPanel({ path, business, signal }),
    sessionOutcomes(path, first, signal),
    actsPanel({ path, business, signal, acted }),
  ];
  let last = first;
  let before = null;

  function lead() {
    headlined.textContent = headline(last, people.now());
    waiting.update(last, people.now());
  }

  function update(job) {
    last = job;
    flash?.update(job);
    files.update(job);
    people.update(job);
    for (const panel of panels) if (panel !== waiting) panel.update(job);
    lead();
    if (before !== null && before !== job.status) {
      announce(say("job.is_now", { state: within(jobWord(job.status)) }));
      changed();
    }
    before = job.status;
  }

  update(first);
  return { update, elements: [headlined, flash?.element, ...panels.map(({ element }) => element), receipt.sheet] };
}

function aboutPanel(business) {
  const facts = h("dl", { class: "facts" });
  const sums = h("dl", { class: "facts", "aria-label": say("job.by_status") });
  return {
    element: h("section", { class: "panel", "aria-labelledby": "about-title" }, h("h2", { id: "about-title" }, say("job.asked_for")), facts, h("h3", {}, say("job.its_refunds")), sums),
    update(job) {
      fill(facts, factsOf(job, business));
      fill(sums, sumsOf(job));
    },
  };
}

/** How the job's people stand, asked for whenever something has changed, a tenth of the time at most. */
function peopleOf(path, signal, told) {
  let known = null;
  let state = null; // of the job when they were counted
  let wanted = null;
  let isAsking = false;

  async function ask() {
    isAsking = true;
    while (wanted !== state && !signal.aborted) {
      const asked = wanted;
      const began = performance.now();
      try {
        known = await get(`${path}/people`, { signal });
        state = asked;
        told();
      } catch (error) {
        if (!signal.aborted && !isPassing(error)) throw error;
      }
      await sleep(Math.max(SOON_MS, RESTS_TIMES * (performance.now() - began)), signal);
    }
    isAsking = false;
  }

  return {
    now: () => known,
    update(job) {
      wanted = JSON.stringify([job.status, ...Object.values(job.refunds).map(({ count }) => count)]);
      if (!isAsking) ask().catch(console.error);
    },
  };
}

function factsOf(job, business) {
  return terms([
    [say("job.requested"), say("job.requested_by", { at: moment(job.requested_at, business.timezone), who: job.requested_by.replace(/^key:/, "") })],
    [say("job.between"), rangeName(job.date_from, job.date_to)],
    [say("job.reason"), job.reason ?? say("job.no_reason")],
    [say("job.sessions"), sessionCounts(job)],
    [say("job.people"), number(job.totals.clients)],
    [owedWords(job.status), returned(job.totals) ?? say("job.nothing")],
    ...keptFacts(job),
    ...(job.choices && job.status !== "withdrawn" ? [[say("job.choices"), choiceWords(job, moment(job.choices.until, business.timezone))]] : []),
  ]);
}

function sessionCounts({ status, session_counts: counts }) {
  const parts = [sessionsWords(status, counts.accepted)];
  if (counts.already_in_process) parts.push(counted("job.in_process", counts.already_in_process));
  if (counts.already_cancelled) parts.push(counted("job.cancelled", counts.already_cancelled));
  return parts.join(say("frame.comma"));
}

function sumsOf(job) {
  const sums = Object.entries(job.refunds).filter(([, sum]) => sum.count);
  return terms(
    sums.map(([status, sum]) => [refundWord(status, job.status), joined([number(sum.count), returned(sum), kept(sum) && say("job.kept", { sum: kept(sum) })], " · ")]),
  );
}

/** While a job is on hold: how long still, and the button that undoes it. */
function undoPanel({ path, business, signal, acted }) {
  const words = h("p");
  const button = h("button", { hidden: !business.key.scopes.includes("cancellations:write") }, say("job.undo"));
  const error = h("p", { class: "error", role: "alert" });
  const element = h("section", { class: "panel", "aria-label": say("job.hold"), hidden: true }, words, button, error);
  let until = null;
  const tick = () => {
    const seconds = Math.max(0, (until - now()) / 1_000);
    words.textContent = seconds ? say("job.held", { time: duration(seconds) }) : say("job.hold_ends");
  };
  const timer = setInterval(() => element.hidden || tick(), 1_000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  button.addEventListener("click", async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      acted(await post(`${path}/withdraw`, undefined, { signal }));
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
