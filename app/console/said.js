// How sums, and hours elsewhere, are said in a page's language.

import { counted, say } from "./language.js";
import { money, whenThere } from "./words.js";

/** Sums in all currencies and in credits; null when there are none. */
export function returned({ amounts, credits }) {
  const sums = amounts.filter((one) => one.amount_minor).map(money);
  if (credits) sums.push(counted("common.credits", credits));
  return sums.length ? sums.join(" + ") : null;
}

/** What was paid and is not returned, as `returned` says sums; null when nothing is kept. */
export const kept = ({ kept_amounts: amounts, kept_credits: credits }) => returned({ amounts, credits });

/** The day and hour where a session is held; null where its clocks show what the business's do. */
export function elsewhere(session) {
  if (session.starts_local === session.business_starts_local) return null;
  return say("week.elsewhere", whenThere(session));
}
