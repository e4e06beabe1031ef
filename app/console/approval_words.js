// What is said of limits and approvals: pure words.

import { dayName, money, number, plural } from "./words.js";

const WORDS = {
  money: ({ currency, asked, allowed }) => `${money({ currency, amount_minor: asked })} to return; without approval at most ${money({ currency, amount_minor: allowed })}`,
  credits: ({ asked, allowed }) => `${plural(asked, "credit")} to return; without approval at most ${number(allowed)}`,
  people: ({ asked, allowed }) => `${plural(asked, "person", "people")}; without approval at most ${number(allowed)}`,
  sessions: ({ asked, allowed }) => `${plural(asked, "session")}; without approval at most ${number(allowed)}`,
  share_of_week_percent: ({ monday, asked, allowed }) => `${number(asked)}% of the week from ${dayName(monday)}; without approval at most ${number(allowed)}%`,
};

/** A limit that is exceeded, with both numbers. */
export const exceededWords = (one) => WORDS[one.limit](one);

/** What is otherwise in a plan than as it was asked for; null: nothing. */
export function sinceAsked({ changes }) {
  if (!changes.length) return null;
  const what = changes.every((one) => one.session_id) ? plural(changes.length, "session") : plural(changes.length, "day");
  return `${what} ${changes.length === 1 ? "is" : "are"} not as it was asked for: bookings, times or places have changed since.`;
}

const DONE = { approved: "Approved", refused: "Refused", withdrawn: "Withdrawn" };

/** Who did what to a job as a whole, in words. */
export function actionWords({ action, by, note }) {
  if (action === "expired") return "Nobody approved it in time";
  return `${DONE[action]} by ${by.replace(/^key:/, "")}${note ? `: ${note}` : ""}`;
}
