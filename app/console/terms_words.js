// Terms in words: what is kept and by which rule, and what a document of terms says in a sentence. Pure.

import { joined } from "./language.js";
import { counted, say } from "./say/terms.js";
import { keptWord } from "./states.js";
import { money, number } from "./words.js";

const sumOf = (one) => (one.currency ? money(one) : counted("common.credits", one.credits));

/** For each rule that keeps something, its words and its sums. */
export function keptByRule(sums) {
  const byRule = Map.groupBy(sums, (one) => one.kept_by);
  return [...byRule].map(([rule, members]) => [keptWord(rule), members.map(sumOf).join(" + ")]);
}

/** What a document of terms says, in one sentence. */
export function sentence({ payments, credits, fees, goodwill, choice = null }) {
  const words = joined([ofPayments(payments), ofChoice(choice), ofCredits(credits), ofFees(fees), ofGoodwill(goodwill)], say("frame.semicolon"));
  return say("terms.full_stop", { all: `${words.charAt(0).toUpperCase()}${words.slice(1)}` });
}

function ofPayments({ return_as: form, keep, fallback = [] }) {
  if (form === "nothing") return say("terms.not_back");
  const next = fallback[0] !== form && fallback[0] !== "person" && fallback.length > 0 && say(`terms.then_${fallback[0]}`);
  return [feeWords(keep, form === "store_credit" ? "_credit" : ""), next].filter(Boolean).join(say("frame.semicolon"));
}

const percent = (value) => say("terms.percent", { n: number(value) });

function feeWords(keep, form) {
  const fixed = keep.fixed.filter((one) => one.amount_minor).map(money);
  const sums = fixed.length > 0 && fixed.reduce((a, b) => say("terms.or", { a, b }));
  const fee = keep.percent && sums ? say("terms.and", { a: percent(keep.percent), b: sums }) : sums || (keep.percent && percent(keep.percent));
  return fee ? say(`terms.fee_${keep.per}${form}`, { fee }) : say(`terms.whole${form}`);
}

function ofChoice(choice) {
  if (choice === null) return null;
  const bonus = choice.bonus_percent;
  const both = [say("terms.original"), bonus ? say("terms.store_credit_bonus", { percent: percent(bonus) }) : say("terms.store_credit")];
  const [first, other] = choice.default === "original" ? both : both.toReversed();
  return counted("terms.choice", choice.within_hours, { first, other });
}

function ofCredits({ return: comeBack, valid_for_days: days }) {
  if (!comeBack) return say("terms.credits_kept");
  return days === null ? say("terms.credits_back") : counted("terms.credits_days", days);
}

function ofFees({ late_cancelled: late, no_show: missed }) {
  const [ofLate, ofMissed] = [late === "return", missed === "return"];
  if (!ofLate && !ofMissed) return null;
  return say(ofLate && ofMissed ? "terms.fees_both" : ofLate ? "terms.fees_late" : "terms.fees_missed");
}

function ofGoodwill({ credits, per, for: whom, valid_for_days: days } = { credits: 0 }) {
  if (!credits) return null;
  const kinds = WHOM.filter(([words]) => words.some((one) => whom.includes(one))).map(([, key]) => say(key)).reduce((a, b) => say("terms.or", { a, b }));
  const values = { credits: counted("common.credits", credits), once: say(per === "booking" ? "terms.once_booking" : "terms.once_client"), kinds };
  return days === null ? say("terms.goodwill", values) : counted("terms.goodwill_days", days, values);
}

const WHOM = [
  [["paid"], "terms.paid"],
  [["credit"], "terms.credit"],
  [["membership", "free"], "terms.free"],
];
