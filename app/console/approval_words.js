// What is said of limits and approvals: pure words.

import { counted, say } from "./say/frame.js";
import { dayName, money, number } from "./words.js";

const sums = {
  money: ({ currency, asked, allowed }) => [asked, allowed].map((minor) => money({ currency, amount_minor: minor })),
  credits: ({ asked, allowed }) => [counted("common.credits", asked), number(allowed)],
  people: ({ asked, allowed }) => [counted("count.people", asked), number(allowed)],
  sessions: ({ asked, allowed }) => [counted("count.sessions", asked), number(allowed)],
  share_of_week_percent: ({ asked, allowed }) => [number(asked), number(allowed)],
};

/** A limit that is exceeded, with both numbers. */
export function exceededWords(one) {
  const [asked, allowed] = sums[one.limit](one);
  return say(`limit.${one.limit}`, { asked, allowed, monday: one.monday && dayName(one.monday) });
}

/** What is otherwise in a plan than as it was asked for; null: nothing. */
export function sinceAsked({ changes }) {
  if (!changes.length) return null;
  return counted(`action.${changes.every((one) => one.session_id) ? "other_sessions" : "other_days"}`, changes.length);
}

/** Who did what to a job as a whole, in words. */
export function actionWords({ action, by, note }) {
  if (action === "expired") return say("action.expired");
  return say(`action.${action}${note ? "_note" : ""}`, { who: by.replace(/^key:/, ""), note });
}
