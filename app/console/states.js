// What is said of each state that the API has: of a bulk cancellation, a refund, a booking, a chosen session. Every page's
// words for a state are chosen here and nowhere else; a state without words fails the test that compares this with the API.

import { counted, say } from "./say/frame.js";

const open = {
  isOpen: true, // a machine goes on with it by itself
  badge: "",
  accepted: "open", // which words are said first to whoever pressed
  became: "cancelled", // what of its sessions
  owed: "to_return",
  refunds: {}, // words for refunds, where they are not those of their status
};
const over = { ...open, isOpen: false, accepted: "over", owed: "was_to_return" };

/** A bulk cancellation in each state: how it looks, and which words are said of it. */
export const JOB = {
  awaiting_approval: { ...open, accepted: "awaiting_approval", became: "to_cancel", owed: "would_return" },
  held: { ...open, accepted: "held" },
  queued: open,
  running: open,
  completed: { ...over, badge: "good" },
  completed_with_failures: { ...over, badge: "bad" },
  withdrawn: { ...over, accepted: "withdrawn", became: "scheduled_again", owed: "would_have_returned", refunds: { skipped: "not_returned" } },
  refused: { ...over, badge: "bad", accepted: "refused", became: "not_cancelled", owed: "would_have_returned" },
};

/** The word for a job's state. */
export const jobWord = (status) => say(`job_name.${status}`);

/** What whoever has pressed is told of a job in a state. */
export const acceptedWords = (status) => say(`job_accepted.${JOB[status].accepted}`);

/** How many sessions are what a job in a state makes of them. */
export const sessionsWords = (status, count) => counted(`job_sessions.${JOB[status].became}`, count);

/** What the sums of a job in a state are called: what it is to return, or was. */
export const owedWords = (status) => say(`job_owed.${JOB[status].owed}`);

/** A refund's states: the style of its badge. */
export const REFUND = {
  pending: "",
  submitted: "",
  succeeded: "good",
  rejected: "bad",
  indeterminate: "bad",
  processing: "",
  skipped: "",
  resolved: "good",
  replaced: "",
};

/** The word for refunds of a status, in a job of a status where that matters. */
export const refundWord = (status, job = null) => say(`refund.${JOB[job]?.refunds[status] ?? status}`);

/** What became of a session that was chosen for a job of a status. */
export const outcomeWord = (outcome, job) => say(`outcome.${outcome === "accepted" ? JOB[job].became : outcome}`);

/** The word for a booking's state. */
export const bookingWord = (status) => say(`booking.${status}`);

const KEPT = new Set(["waitlisted", "attended", "nothing_paid", "late_cancelled", "no_show", "terms", "fee", "override", "part_refunded"]);

/** Why what was paid, or a part of it, does not come back; a rule that is not known here, as it came. */
export const keptWord = (rule) => (KEPT.has(rule) ? say(`kept.${rule}`) : rule);
