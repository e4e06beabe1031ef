// What the payment service says of a plan, in plain words.

import { money, number, plural } from "./words.js";

const LINE = "payment line";

/** Why a line may not come back, one after the other in the order in which a person looks after them. */
export const RISK = {
  disputed: () => "The payer has contested the payment, and nothing can be refunded while that lasts.",
  not_found: () => "The payment service knows no such payment.",
  not_captured: () => "The money was set aside and never taken.",
  window_over: () => "The payment is too old to be refunded.",
  part_refunded: (one) => `${left(one)} is left of the payment, and ${needed(one)} is to come back of it.`,
  unknown: () => "The payment service did not say.",
};

const NOT_ASKED = {
  unsupported: () => "The payment service can't be asked about payments.",
  account_unreadable: () => "The key of this business's own account can't be read here, so nothing was asked.",
  over_limit: (count) => `${lines(count)} not asked about: they are too many. The largest payments were.`,
  out_of_time: (count) => `${lines(count)} not asked about: the time was up.`,
};

const lines = (count) => `${plural(count, LINE)} ${count === 1 ? "was" : "were"}`;
const amount = (currency, minor) => money({ currency, amount_minor: minor });
const left = (one) => (one.remaining_minor ? `Only ${amount(one.currency, one.remaining_minor)}` : "Nothing");
const needed = (one) => amount(one.currency, one.needed_minor);

/** How far it is. */
export function progressWords({ asked, of, at_risk: atRisk, unknown }) {
  const found = [atRisk && `${number(atRisk)} at risk`, unknown && `${number(unknown)} unknown`].filter(Boolean).join(", ");
  return `${number(asked)} of ${plural(of, LINE)} asked about${found ? `: ${found}` : ""}.`;
}

/** Whose line it is and how much, and why it may not come back. */
export function riskWords(risk) {
  const who = risk.client_name ?? `Booking ${risk.booking_id}`;
  return [`${who}, ${risk.session_name}, ${amount(risk.currency, risk.amount_minor)}`, RISK[risk.code](risk)];
}

/** The risks in the order of `RISK`, and within it as they are booked. */
export function inOrder(risks) {
  const place = (one) => Object.keys(RISK).indexOf(one.code);
  const name = (one) => [one.session_name, one.session_id, one.client_name ?? "", one.booking_id].join("\n");
  return risks.toSorted((a, b) => place(a) - place(b) || name(a).localeCompare(name(b)) || a.line_no - b.line_no);
}

/** All of it in a sentence. */
export function summary({ progress, balances }) {
  const { asked, at_risk: atRisk, unknown } = progress;
  const short = balances.some(isShort);
  const parts = [
    atRisk && `${plural(atRisk, LINE)} may not come back as planned`,
    unknown && `of ${plural(unknown, LINE)} the payment service did not say`,
    short && "there is too little to return from",
  ].filter(Boolean);
  if (parts.length) return `${parts.join("; ").replace(/^./, (first) => first.toUpperCase())}.`;
  return asked ? `Nothing speaks against it: ${plural(asked, LINE)} can come back as planned.` : "Nothing was asked about.";
}

const isShort = (one) => one.available_minor !== null && one.available_minor < one.needed_minor;

/** What there is to return from, for each currency in which something comes back; and what was not asked about. */
export function remarks({ balances, not_asked: notAsked }) {
  const said = balances
    .filter((one) => one.available_minor !== null)
    .map((one) => {
      const sums = [one.available_minor, one.needed_minor].map((minor) => amount(one.currency, minor));
      return { words: `There is ${sums[0]} to return from, and ${sums[1]} is needed.`, isWarning: isShort(one) };
    });
  const others = notAsked
    .filter((one) => NOT_ASKED[one.reason])
    .map((one) => ({ words: NOT_ASKED[one.reason](one.count), isWarning: true }));
  return [...said, ...others];
}
