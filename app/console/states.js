// What is said of each state that the API has: of a bulk cancellation, a refund, a booking, a chosen session. Every page's
// words for a state are here and nowhere else; a state without words fails the test that compares this with the API.

const open = {
  isOpen: true, // a machine goes on with it by itself
  badge: "",
  accepted: "Your job is being processed.", // said first to whoever pressed
  sessions: "cancelled", // so many of them
  outcome: "Cancelled", // of one of them
  owed: "To return",
  refunds: {}, // words for refunds, where they are not those below
};
const over = { ...open, isOpen: false, accepted: "Your job has been processed.", owed: "Was to return" };

/** What is said of a bulk cancellation in each state: every page's words for it are here. */
export const JOB = {
  awaiting_approval: {
    ...open,
    name: "Awaiting approval",
    accepted: "Your job awaits somebody else's approval: nothing is cancelled before that.",
    sessions: "to cancel",
    outcome: "To be cancelled",
    owed: "Would return",
  },
  held: { ...open, name: "On hold", accepted: "Your job is on hold: nothing is returned before that ends." },
  queued: { ...open, name: "Queued" },
  running: { ...open, name: "In process" },
  completed: { ...over, name: "Completed", badge: "good" },
  completed_with_failures: { ...over, name: "Completed with failures", badge: "bad" },
  withdrawn: {
    ...over,
    name: "Withdrawn",
    accepted: "Your job was undone.",
    sessions: "scheduled again",
    outcome: "Scheduled again",
    owed: "Would have returned",
    refunds: { skipped: "Not returned" },
  },
  refused: {
    ...over,
    name: "Refused",
    badge: "bad",
    accepted: "Your job was not approved: nothing was cancelled.",
    sessions: "not cancelled",
    outcome: "Not cancelled",
    owed: "Would have returned",
  },
};

/** A refund's states: the word, and the style of its badge. */
export const REFUND = {
  pending: { name: "Waiting", badge: "" },
  submitted: { name: "Sent", badge: "" },
  succeeded: { name: "Returned", badge: "good" },
  rejected: { name: "Rejected", badge: "bad" },
  indeterminate: { name: "Unknown", badge: "bad" },
  processing: { name: "Accepted, not final", badge: "" },
  skipped: { name: "Nothing to return", badge: "" },
  resolved: { name: "Resolved by hand", badge: "good" },
  replaced: { name: "Refused, returned otherwise", badge: "" },
};

export const BOOKING = {
  booked: "Booked",
  waitlisted: "On the waiting list",
  checked_in: "Checked in",
  late_cancelled: "Cancelled late",
  no_show: "Did not come",
  cancelled: "Cancelled",
};

/** Why what was paid, or a part of it, does not come back. */
export const KEPT = {
  waitlisted: "On the waiting list",
  attended: "Attended",
  nothing_paid: "Nothing was paid",
  late_cancelled: "Cancelled late",
  no_show: "Did not come",
  terms: "By the terms",
  fee: "Fee",
  override: "By exception",
  part_refunded: "Returned in part before",
};

const OUTCOME = { already_in_process: "Already in process", already_cancelled: "Already cancelled" };

/** The word for refunds of a status, in a job of a status. */
export const refundWord = (status, job) => JOB[job].refunds[status] ?? REFUND[status].name;

/** What became of a session that was chosen for a job of a status. */
export const outcomeWord = (outcome, job) => (outcome === "accepted" ? JOB[job].outcome : OUTCOME[outcome]);
