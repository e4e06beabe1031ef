// Terms in words: what is kept and by which rule, and what a document of terms says in a sentence.

import { h } from "./dom.js";
import { KEPT } from "./states.js";
import { kept, money, number, plural } from "./words.js";

const sumOf = (one) => (one.currency ? money(one) : plural(one.credits, "credit"));

/** For each rule that keeps something, its words and its sums. */
export function keptByRule(sums) {
  const byRule = Map.groupBy(sums, (one) => one.kept_by);
  return [...byRule].map(([rule, members]) => [KEPT[rule] ?? rule, members.map(sumOf).join(" + ")]);
}

/** What comes back as value, what is kept and why, and by which terms: pairs for a list of facts, of those that there are. */
export function keptFacts({ totals, terms }) {
  const lines = keptByRule(totals.kept).map(([rule, sum]) => h("li", {}, `${rule}: ${sum}`));
  const sums = [kept(totals), lines.length > 0 && h("ul", { class: "soft" }, lines)];
  const value = totals.store_credits.map(money).join(" + ");
  const onTop = goodwillWords(totals.goodwill, terms);
  return [
    ...(value ? [["Of it as store credit", value]] : []),
    ...(onTop ? [["Goodwill", onTop]] : []),
    ...(kept(totals) ? [["Kept", sums]] : []),
    ...(terms ? [["Terms", sentence(terms)]] : []),
  ];
}

/** Credits on top, and for how many clients or bookings; null where none are given. */
function goodwillWords({ grants, credits }, terms) {
  const whom = terms?.goodwill?.per === "booking" ? "booking" : "client";
  return grants > 0 ? `${plural(credits, "credit")} for ${plural(grants, whom)}` : null;
}

/** What a document of terms says, in one sentence. */
export function sentence({ payments, credits, fees, goodwill, choice = null }) {
  const words = [ofPayments(payments), ofChoice(choice), ofCredits(credits), ofFees(fees), ofGoodwill(goodwill)].filter(Boolean).join("; ");
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}

function ofPayments({ return_as: form, keep, fallback = [] }) {
  if (form === "nothing") return "payments don't come back";
  const inForm = form === "store_credit" ? " as store credit" : "";
  const next = fallback[0] !== form && FALLBACK[fallback[0]];
  return [feeWords(keep, inForm), next && `what can't be returned so comes back ${next}`].filter(Boolean).join("; ");
}

const FALLBACK = { store_credit: "as store credit", original: "the way it was paid" };

function feeWords(keep, inForm) {
  const fixed = keep.fixed.filter((one) => one.amount_minor).map(money);
  const fee = [keep.percent && `${number(keep.percent)}\u00a0%`, fixed.join(" or ")].filter(Boolean).join(" and ");
  const rest = inForm && ` and the rest comes back${inForm}`;
  return fee ? `${fee} per ${keep.per === "line" ? "payment" : "booking"} is kept${rest}` : `payments come back whole${inForm}`;
}

function ofChoice(choice) {
  if (choice === null) return null;
  const bonus = choice.bonus_percent ? ` with ${number(choice.bonus_percent)}\u00a0% on top` : "";
  const [first, other] = choice.default === "original" ? ["the way it was paid", `store credit${bonus}`] : [`store credit${bonus}`, "the way it was paid"];
  return `clients choose between ${first} and ${other} within ${plural(choice.within_hours, "hour")}`;
}

function ofCredits({ return: comeBack, valid_for_days: days }) {
  if (!comeBack) return "credits don't come back";
  return days === null ? "credits come back" : `credits stay usable for ${plural(days, "day")}`;
}

function ofFees({ late_cancelled: late, no_show: missed }) {
  const who = [late === "return" && "cancelled late", missed === "return" && "did not come"].filter(Boolean);
  return who.length > 0 && `whoever ${who.join(" or ")} gets all of it back`;
}

function ofGoodwill({ credits, per, for: whom, valid_for_days: days } = { credits: 0 }) {
  if (!credits) return null;
  const kinds = WHOM.filter(([words]) => words.some((one) => whom.includes(one))).map(([, said]) => said);
  const once = per === "booking" ? "for each booking" : "once to each client with a booking";
  const until = days === null ? "" : `, usable for ${plural(days, "day")}`;
  return `${plural(credits, "credit")} on top${until}, ${once} that was ${kinds.join(" or ")}`;
}

const WHOM = [
  [["paid"], "paid with money"],
  [["credit"], "paid with credits"],
  [["membership", "free"], "free or a membership's"],
];
