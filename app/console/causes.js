// Why a refund needs a person, and what that person does next: a table by what the service answered. A code that is not here,
// for payment services have codes of their own, is told as it came.

import { say } from "./say/job.js";

/** Never sent, or made twice: trying again is refused by the API. */
const BY_HAND_ALONE = { canRetry: false };
const ELSEWHERE = { next: "elsewhere" }; // than to the card
const CLOSED = { name: "card_closed", next: "elsewhere" };
const LOOK = "look"; // whether it was made

/** Each with what it says otherwise than by its own code. */
const CAUSES = {
  payment_not_found: {},
  amount_exceeds_remaining: {},
  payment_disputed: { namedOnly: true }, // tried again only when it is named
  refund_window_expired: ELSEWHERE,
  card_closed: CLOSED,
  account_closed: CLOSED,
  expired_or_canceled_card: CLOSED,
  lost_or_stolen_card: CLOSED,
  declined: CLOSED,
  declined_by_issuer: CLOSED,
  not_refundable: ELSEWHERE,
  insufficient_balance: {},
  form_not_supported: {},
  client_not_found: {},
  account_not_found: {},
  not_captured: {},
  already_refunded_elsewhere: {},
  returned_twice: BY_HAND_ALONE,
  already_refunded_here: BY_HAND_ALONE,
  gave_up: { next: LOOK },
};

/** What stands in the way of a refund: `{code, name, next, canRetry, namedOnly}`. */
export function causeOf({ status, failure_code: code }) {
  const { name = code, next = name, ...known } = Object.hasOwn(CAUSES, code) ? CAUSES[code] : byStatus(status, code);
  return { code, canRetry: true, namedOnly: false, ...known, name: say(`cause.${name}`, { code: code?.replaceAll("_", " ") }), next: say(`cause.${next}_next`) };
}

function byStatus(status, code) {
  if (status === "processing") return { name: "not_final" };
  return status === "indeterminate" || code === null ? { name: "unknown", next: LOOK } : { name: "other" };
}

/** Refunds by what stands in their way, the most frequent first: `[{cause, refunds}]`. */
export function byCause(refunds) {
  const groups = new Map(); // two codes may be one cause to a person
  for (const refund of refunds) {
    const cause = causeOf(refund);
    if (!groups.has(cause.name)) groups.set(cause.name, { cause, refunds: [] });
    groups.get(cause.name).refunds.push(refund);
  }
  return [...groups.values()].sort((one, other) => other.refunds.length - one.refunds.length);
}

/** Of these refunds, those that the API takes to be tried again. */
export const retriable = (refunds) => refunds.filter((one) => causeOf(one).canRetry);
