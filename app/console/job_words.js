// How a bulk cancellation stands, said in people and money, its steps, and whether its files are final: pure words.

import { actionWords } from "./approval_words.js";
import { JOB } from "./states.js";
import { number, plural, returned } from "./words.js";

const people = (count) => plural(count, "person", "people");

/** What is to come back, or came back, called by what it is: money, credits or both. */
const calledWhat = ({ amounts, credits }) => (credits && !amounts.some((one) => one.amount_minor) ? "credits" : "money");

/**
 * The sentence that a job's page begins with. `counts` is how its people stand, as the API counts them; null while that is
 * not known, and then only sums are said.
 */
export function headline(job, counts) {
  const { status, totals, session_counts: sessions } = job;
  if (status === "awaiting_approval") return `${plural(sessions.accepted, "session")} and ${people(totals.clients)}: nothing is cancelled before somebody else approves it.`;
  if (status === "refused") return "It was not approved: nothing was cancelled, and nothing was returned.";
  if (status === "withdrawn") return `It was undone: nothing was returned, and ${plural(sessions.accepted, "session")} ${sessions.accepted === 1 ? "is" : "are"} scheduled again.`;
  const owed = returned(totals);
  if (owed === null && !totals.goodwill.grants) return `Nothing was to be returned to ${people(totals.clients)}.`;
  const back = returned(job.refunds.succeeded);
  if (counts === null) return `${back ?? "Nothing"} ${back ? "is" : "has come"} back so far.`;
  const due = counts.clients - counts.nothing_to_return;
  if (status === "held") return `${people(due)} ${due === 1 ? "is" : "are"} to get ${owed ?? "goodwill"} back. Nothing is returned before the hold ends.`;
  return `${[done(counts.returned, due, calledWhat(totals), back), ...open(counts)].join("; ")}.`;
}

function done(count, of, what, back) {
  if (!count) return back ? `Nobody has all of theirs back yet: ${back} so far` : `Nobody has their ${what} back yet`;
  const who = count < of ? `${number(count)} of ${people(of)}` : of > 1 ? `All ${people(of)}` : people(of);
  return `${who} ${of === 1 ? "has" : "have"} their ${what} back: ${back ?? "nothing was left to return"}`;
}

function open({ under_way: waits, need_a_person: needs }) {
  return [waits && `${number(waits)} ${waits === 1 ? "waits" : "wait"} still`, needs && `${number(needs)} ${needs === 1 ? "needs" : "need"} you`].filter(Boolean);
}

/** How a job has ended: by whom, where somebody ended it. */
function last(status, ended, actions) {
  const by = actions.filter(({ action }) => action !== "approved");
  return by.length ? by.map((one) => [one.at, actionWords(one)]) : [[ended, JOB[status].name]];
}

/** The steps of a job, the first first, as pairs of instant and words. */
export function stepsOf({ status, requested_at: asked, requested_by: who, reason, hold_until: held, started_at: began, finished_at: ended, actions = [] }) {
  const by = who.replace(/^key:/, "");
  return [
    [asked, `Asked for by ${by}${reason ? `: ${reason}` : ""}`],
    ...actions.filter(({ action }) => action === "approved").map((one) => [one.at, actionWords(one)]),
    [status === "withdrawn" ? null : held, status === "held" ? "The hold ends" : "The hold was over"],
    [began, "Returning began"],
    ...last(status, ended, actions),
  ].filter(([at]) => at !== null);
}

const NOT_FINAL = "No file is final yet: refunds are under way. The CSV of the press was made before any money moved; take the final one once all is settled.";
const FINAL = "These are final. The CSV of the press is not: it was made before any money moved.";
const BUT_FOR = "These say how it stands. What needs you will change them, so take them again after that; the CSV of the press was made before any money moved.";
const NOTHING_YET = "There is nothing in these: nothing is cancelled without an approval.";
const UNDONE = "These say what would have been returned, and that nothing was.";

/** Whether the files of a job are final. */
export const isFinal = ({ status }) => !JOB[status].isOpen && status !== "completed_with_failures";

/** What is said of the files of a job: whether they are final. */
export function finality({ status }) {
  if (status === "awaiting_approval" || status === "refused") return NOTHING_YET;
  if (JOB[status].isOpen) return NOT_FINAL;
  if (status === "withdrawn") return UNDONE;
  return status === "completed" ? FINAL : BUT_FOR;
}

/** What did not come back and that no machine goes on with, in sums; null: nothing of the kind. */
export function notReturned({ status, refunds }) {
  const sums = JOB[status].isOpen ? [refunds.rejected] : [refunds.rejected, refunds.indeterminate, refunds.processing];
  const amounts = new Map();
  for (const { currency, amount_minor: minor } of sums.flatMap((one) => one.amounts)) amounts.set(currency, (amounts.get(currency) ?? 0) + minor);
  const credits = sums.reduce((sum, one) => sum + one.credits, 0);
  return returned({ amounts: [...amounts].map(([currency, amount_minor]) => ({ currency, amount_minor })), credits });
}
