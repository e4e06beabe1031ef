// How a bulk cancellation stands, said in people and money, its steps, and whether its files are final: pure words.

import { actionWords } from "./approval_words.js";
import { JOB, jobWord } from "./states.js";
import { returned } from "./said.js";
import { counted, say } from "./say/job.js";
import { number } from "./words.js";

/** What is to come back, or came back, called by what it is: money, credits or both. */
const calledWhat = ({ amounts, credits }) => (credits && !amounts.some((one) => one.amount_minor) ? "credits" : "money");

/**
 * The sentence that a job's page begins with. `counts` is how its people stand, as the API counts them; null while that is
 * not known, and then only sums are said.
 */
export function headline(job, counts) {
  const { status, totals, session_counts: sessions } = job;
  if (status === "awaiting_approval") return say("headline.awaiting_approval", { sessions: counted("count.sessions", sessions.accepted), people: counted("count.people", totals.clients) });
  if (status === "refused") return say("headline.refused");
  if (status === "withdrawn") return counted("headline.withdrawn", sessions.accepted);
  const owed = returned(totals);
  if (owed === null && !totals.goodwill.grants) return counted("headline.nothing", totals.clients);
  const back = returned(job.refunds.succeeded);
  if (counts === null) return back ? say("headline.so_far", { sum: back }) : say("headline.nothing_so_far");
  const due = counts.clients - counts.nothing_to_return;
  if (status === "held") return counted("headline.held", due, { sum: owed ?? say("headline.goodwill") });
  return say("headline.full_stop", { all: [done(counts.returned, due, calledWhat(totals), back), ...open(counts)].join(say("frame.semicolon")) });
}

function done(count, of, what, back) {
  if (!count) return back ? say("headline.nobody_all", { sum: back }) : say(`headline.nobody_${what}`);
  const sum = back ?? say("headline.nothing_left");
  if (count < of) return counted(`headline.some_${what}`, of, { some: number(count), sum });
  return of > 1 ? counted(`headline.all_${what}`, of, { sum }) : say(`headline.one_${what}`, { n: number(of), sum });
}

function open({ under_way: waits, need_a_person: needs }) {
  return [waits && counted("headline.wait", waits), needs && counted("headline.need", needs)].filter(Boolean);
}

/** About how long, in words. */
export function duration(seconds) {
  if (seconds < 60) return counted("job.seconds", Math.max(1, Math.round(seconds)));
  if (seconds < 5_400) return counted("job.minutes", Math.round(seconds / 60));
  return counted("job.hours", Math.round(seconds / 3_600));
}

/** How a job has ended: by whom, where somebody ended it. */
function last(status, ended, actions) {
  const by = actions.filter(({ action }) => action !== "approved");
  return by.length ? by.map((one) => [one.at, actionWords(one)]) : [[ended, jobWord(status)]];
}

/** The steps of a job, the first first, as pairs of instant and words. */
export function stepsOf({ status, requested_at: asked, requested_by: who, reason, hold_until: held, started_at: began, finished_at: ended, actions = [] }) {
  const by = who.replace(/^key:/, "");
  return [
    [asked, reason ? say("step.asked_reason", { who: by, reason }) : say("step.asked", { who: by })],
    ...actions.filter(({ action }) => action === "approved").map((one) => [one.at, actionWords(one)]),
    [status === "withdrawn" ? null : held, say(status === "held" ? "step.hold_ends" : "step.hold_over")],
    [began, say("step.began")],
    ...last(status, ended, actions),
  ].filter(([at]) => at !== null);
}

/** Whether the files of a job are final. */
export const isFinal = ({ status }) => !JOB[status].isOpen && status !== "completed_with_failures";

/** What is said of the files of a job: whether they are final. */
export function finality({ status }) {
  if (status === "awaiting_approval" || status === "refused") return say("files.nothing_yet");
  if (JOB[status].isOpen) return say("files.not_final");
  if (status === "withdrawn") return say("files.undone");
  return say(status === "completed" ? "files.final" : "files.but_for");
}

/** What did not come back and that no machine goes on with, in sums; null: nothing of the kind. */
export function notReturned({ status, refunds }) {
  const sums = JOB[status].isOpen ? [refunds.rejected] : [refunds.rejected, refunds.indeterminate, refunds.processing];
  const amounts = new Map();
  for (const { currency, amount_minor: minor } of sums.flatMap((one) => one.amounts)) amounts.set(currency, (amounts.get(currency) ?? 0) + minor);
  const credits = sums.reduce((sum, one) => sum + one.credits, 0);
  return returned({ amounts: [...amounts].map(([currency, amount_minor]) => ({ currency, amount_minor })), credits });
}
