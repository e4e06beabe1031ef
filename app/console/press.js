// A press, from its key to its answer. It has an idempotency key before it is sent and keeps it in the tab's storage until
// it is answered, so that asking again, by itself or after a reload, cancels nothing twice. One press at a time.

import { download, fill, h } from "./dom.js";
import { call, isPassing, patiently, Refused } from "./api.js";
import { changed } from "./live.js";
import { plural, returned } from "./words.js";

const PENDING = "bulk-cancel-pending"; // {business, key, request} of the press without an answer
const TRIES = 6;
const PATIENCE_MS = 120_000;
const SIGNED_OUT = new Set([401, 403]); // says nothing of a try before it

/**
 * What presses for a business and says in `trouble` why it could not; `busy(boolean)` as it begins and ends,
 * `refused(error)` when nothing was cancelled, `accepted(jobId, saved)` when something was.
 */
export function presser({ business, trouble, busy, refused, accepted }) {
  async function send(pending) {
    fill(trouble);
    busy(true);
    try {
      const waiting = () => fill(trouble, h("p", {}, "No answer yet. Asking again, under the same key, so nothing happens twice…"));
      const answer = await patiently(() => posted(pending), { tries: TRIES, waiting });
      forget();
      changed();
      const jobId = answer.headers.get("Location").split("/").pop();
      await accepted(jobId, await saveCsv(answer, jobId));
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
    const count = plural(pending.request.session_ids.length, "session");
    return [
      h("p", {}, `There was no answer to the cancellation of ${count}, so it is not known what became of it. Asking again is safe.`),
      h("button", { onclick: () => send(pending) }, "Ask what became of it"),
      " ",
      h("button", { class: "plain", onclick: () => (forget(), fill(trouble)) }, "Forget it"),
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

function posted({ key, request }) {
  const headers = { "Idempotency-Key": key, Accept: "text/csv" };
  return call("POST", "/bulk-cancellations", { body: request, headers, patience: PATIENCE_MS });
}

/** Saves the CSV that came with the answer; false if it broke off, in which case the job's page has it. */
async function saveCsv(answer, jobId) {
  try {
    download(await answer.blob(), `bulk-cancellation-${jobId}.csv`);
    return true;
  } catch {
    return false;
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What a refusal says, with what each of the fields or sessions at fault says. */
export function whyNot(error) {
  const words = (text) => h("p", {}, text);
  if (error.slug === "sessions-already-in-process") return [words(error.message), holders(error.problem.sessions)];
  if (error.slug === "plan-changed") return [words(difference(error.problem))];
  const errors = error.problem?.errors ?? [];
  return [words(error.message), errors.length > 1 && h("ul", {}, errors.map((one) => h("li", {}, one.detail)))];
}

function holders(sessions) {
  const byJob = Map.groupBy(sessions, (one) => one.job_id);
  const lines = [...byJob].map(([job, members]) => {
    const inProcess = members.some((one) => one.outcome === "already_in_process");
    const words = `${plural(members.length, "session")} ${inProcess ? "already in process" : "already cancelled"}`;
    return h("li", {}, `${words}: `, h("a", { href: `/jobs/${job}` }, "see the job"));
  });
  return h("ul", {}, lines);
}

function difference({ planned, now }) {
  const before = planned && said(planned);
  const after = said(now);
  // With the same figures it is other people who are booked, or other lines to return.
  const what = before === after ? `It is still ${after}, but of other bookings.` : `It was ${before}; now it is ${after}.`;
  return `Bookings have changed since the plan, so nothing was cancelled. ${before ? what : `Now it is ${after}.`} Look, and press again.`;
}

function said(totals) {
  const amounts = Object.entries(totals.amounts).map(([currency, minor]) => ({ currency, amount_minor: minor }));
  const sums = returned({ ...totals, amounts }) ?? "nothing";
  return `${plural(totals.sessions, "session")}, ${plural(totals.clients, "person", "people")} and ${sums}`;
}
