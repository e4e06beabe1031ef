// A press, from its key to its answer. It has an idempotency key before it is sent and keeps it in the tab's storage until
// it is answered, so that asking again, by itself or after a reload, cancels nothing twice. One press at a time.

import { fill, h } from "./dom.js";
import { call, isPassing, patiently, Refused } from "./api.js";
import { mayAudit, saveCsv } from "./audit.js";
import { changed } from "./live.js";
import { ours } from "./root.js";
import { returned } from "./said.js";
import { counted, parts, say } from "./say/plan.js";
import { dayName, number } from "./words.js";

const PENDING = ours("bulk-cancel-pending"); // {business, key, request} of the press without an answer
const TRIES = 6;
const PATIENCE_MS = 120_000;
const SIGNED_OUT = new Set([401, 403]); // says nothing of a try before it

/**
 * What presses for a business and says in `trouble` why it could not; `busy(boolean)` as it begins and ends,
 * `refused(error)` when nothing was cancelled, `accepted(jobId, saved)` when something was: whether its CSV was saved, or
 * null where the key may not have it.
 */
export function presser({ business, trouble, busy, refused, accepted }) {
  const accept = mayAudit(business) ? "text/csv" : "application/json";

  async function send(pending) {
    fill(trouble);
    busy(true);
    try {
      const waiting = () => fill(trouble, h("p", {}, say("press.again")));
      const answer = await patiently(() => posted(pending, accept), { tries: TRIES, waiting });
      forget();
      changed();
      const jobId = answer.headers.get("Location").split("/").pop();
      await accepted(jobId, mayAudit(business) ? await saved(answer, jobId) : null);
    } catch (error) {
      busy(false);
      if (isPassing(error)) fill(trouble, ...unanswered(pending));
      else if (!(error instanceof Refused)) throw error;
      else {
        if (!SIGNED_OUT.has(error.status)) forget();
        fill(trouble, whyNot(error));
        refused(error);
      }
      trouble.scrollIntoView({ block: "nearest" });
    }
  }

  function unanswered(pending) {
    return [
      h("p", {}, counted("press.unanswered", pending.request.session_ids.length)),
      h("button", { onclick: () => send(pending) }, say("press.ask")),
      " ",
      h("button", { class: "plain", onclick: () => (forget(), fill(trouble)) }, say("press.forget")),
    ];
  }

  const left = () => {
    const pending = JSON.parse(sessionStorage.getItem(PENDING));
    return pending?.business === business.id ? pending : null;
  };
  const remind = () => {
    const pending = left();
    if (pending) fill(trouble, ...unanswered(pending));
    return pending !== null;
  };
  return {
    /** Says so if an earlier press is still without an answer; gives whether it is. */
    remind,
    /** Presses, unless an earlier press is still to be asked for. */
    press(request) {
      if (remind()) return;
      const pending = { business: business.id, key: newKey(), request };
      sessionStorage.setItem(PENDING, JSON.stringify(pending));
      send(pending);
    },
  };
}

const forget = () => sessionStorage.removeItem(PENDING);

function posted({ key, request }, accept) {
  const headers = { "Idempotency-Key": key, Accept: accept };
  return call("POST", "/bulk-cancellations", { body: request, headers, patience: PATIENCE_MS });
}

/** Saves the CSV that came with the answer; false if it broke off, in which case the job's page has it. */
async function saved(answer, jobId) {
  try {
    await saveCsv(answer, jobId);
    return true;
  } catch {
    return false;
  }
}

/** An idempotency key that nobody has used. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What a refusal says, with what each of the fields or sessions at fault says. */
export function whyNot(error) {
  const words = (text) => h("p", {}, text);
  if (error.slug === "sessions-already-in-process") return [words(error.message), holders(error.problem.sessions)];
  if (error.slug === "plan-changed") return [words(difference(error.problem)), !isOfTerms(error.problem) && changesOf(error.problem)];
  const [first, ...more] = (error.problem?.errors ?? []).map(named);
  if (!first) return [words(error.message)];
  return more.length ? [words(error.message), h("ul", {}, [first, ...more].map((text) => h("li", {}, text)))] : [words(first)];
}

const FIELDS = { date_from: "pick.from", date_to: "pick.to", session_ids: "plan.sessions", reason: "press.reason", hold_seconds: "plan.hold", messages: "press.messages" };

/** What is said of a field at fault, with the name that the page has for it. */
export function named({ pointer, detail }) {
  const field = FIELDS[pointer.split(/[/?]/)[1]];
  return field ? say("press.field", { field: say(field), detail }) : detail;
}

function holders(sessions) {
  const byJob = Map.groupBy(sessions, (one) => one.job_id);
  const lines = [...byJob].map(([job, members]) => {
    const inProcess = members.some((one) => one.outcome === "already_in_process");
    const link = h("a", { href: `/jobs/${job}` }, say("press.see_job"));
    return h("li", {}, parts(inProcess ? "press.in_process" : "press.cancelled", { job: link }, members.length));
  });
  return h("ul", {}, lines);
}

const CHANGES = { moved: "press.moved", changed: "press.changed", came: "press.came", went: "press.went" };
const CHANGES_SHOWN = 5;

/** Whether the plan was made under other terms, which the service says in words alone. */
const isOfTerms = ({ detail }) => /\bother terms\b/.test(detail);

function difference(problem) {
  const { planned, now, changes } = problem;
  const before = planned && said(planned);
  const after = said(now);
  const isOfBookings = changes.every((one) => one.change === "changed");
  // With the same figures it is other people who are booked, or other lines to return; or sessions are elsewhere.
  const others = isOfBookings ? "press.still_bookings" : "press.still";
  const still = say(isOfTerms(problem) ? "press.still_terms" : others, { now: after });
  const what = before === after ? still : say("press.was", { before, now: after });
  const subject = isOfBookings ? "press.bookings_changed" : "press.schedule_changed";
  return say(isOfTerms(problem) ? "press.terms_changed" : subject, { what: before ? what : say("press.now", { now: after }) });
}

/** Which sessions (of many: which days) are not as the plan saw them. */
function changesOf({ changes, change_count: count }) {
  const shown = changes.slice(0, CHANGES_SHOWN);
  const lines = shown.map((one) => say(CHANGES[one.change], { name: one.name ?? one.session_id ?? dayName(one.day) }));
  if (count > shown.length) lines.push(say("frame.and_more", { n: number(count - shown.length) }));
  return lines.length > 0 && h("ul", {}, lines.map((words) => h("li", {}, words)));
}

function said(totals) {
  const sum = returned(totals) ?? say("frame.nothing");
  return say("press.said", { sessions: counted("count.sessions", totals.sessions), people: counted("count.people", totals.clients), sum });
}
