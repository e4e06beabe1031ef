// Why a refund needs a person, and what that person does next: a table by what the service answered. A code that is not here,
// for payment services have codes of their own, is told as it came.

/** Never sent, or made twice: trying again is refused by the API. */
const BY_HAND_ALONE = { canRetry: false };
const ELSEWHERE = "Ask the client how they want it, return it another way (a bank transfer, cash), and record that here.";
const CLOSED = { name: "The card or account takes no money", next: ELSEWHERE };

const CAUSES = {
  payment_not_found: {
    name: "The payment is unknown there",
    next: "Look it up at your payment service. Once it is there, try again; else return it another way and record that here.",
  },
  amount_exceeds_remaining: {
    name: "More than what is left of the payment",
    next: "A part was refunded before. Return what is left there, and record how much that was.",
  },
  payment_disputed: {
    name: "The client's bank disputes the payment",
    next: "The bank has this money, so returning it too would pay twice. Try again once the dispute is won, or record that nothing is returned.",
    namedOnly: true, // tried again only when it is named
  },
  refund_window_expired: { name: "Too late to refund to the card", next: ELSEWHERE },
  card_closed: CLOSED,
  account_closed: CLOSED,
  expired_or_canceled_card: CLOSED,
  lost_or_stolen_card: CLOSED,
  declined: CLOSED,
  declined_by_issuer: CLOSED,
  not_refundable: { name: "The service does not refund this payment", next: ELSEWHERE },
  insufficient_balance: {
    name: "Your balance at the payment service is too small",
    next: "Add money to your balance there, then try all of these again.",
  },
  form_not_supported: {
    name: "The service can't return it in this form",
    next: "Return it another way (in your booking system, by bank transfer, in cash), and record that here.",
  },
  client_not_found: {
    name: "The credits service does not know the client",
    next: "Mend the client there and try again, or give the credits in your booking system and record that here.",
  },
  account_not_found: {
    name: "The credits service does not know the account",
    next: "Mend the account there and try again, or give the credits in your booking system and record that here.",
  },
  not_captured: {
    name: "The payment was never captured",
    next: "Only a part of it was to be let go. Let it go at your payment service, and record that here.",
  },
  already_refunded_elsewhere: {
    name: "Refunded before, and not by this service",
    next: "See at your payment service what came back, and record it here.",
  },
  returned_twice: {
    name: "Returned twice",
    next: "It was made after all, when it had been refused and returned in another form. Decide which of the two you take back, and record that here.",
    ...BY_HAND_ALONE,
  },
  already_refunded_here: {
    name: "Other refunds claim all that was paid",
    next: "See what was paid. If more was, return the rest another way and record that here; if not, nothing is to be returned.",
    ...BY_HAND_ALONE,
  },
  gave_up: {
    name: "Tried for long, without an answer",
    next: "See at the service whether it was made: its reference is below. Trying again looks there first and pays nothing twice.",
  },
};

const NOT_FINAL = {
  name: "Accepted there, and not heard of since",
  next: "See at the service what became of it. Trying again looks there first and pays nothing twice.",
};
const UNKNOWN = {
  name: "Nobody knows what became of it",
  next: "See at the service whether it was made: its reference is below. Trying again looks there first and pays nothing twice.",
};
const OTHER = "See what the service says below. Try again, or return it another way and record that here.";

/** What stands in the way of a refund: `{code, name, next, canRetry, namedOnly}`. */
export function causeOf({ status, failure_code: code }) {
  const known = CAUSES[code] ?? byStatus(status, code);
  return { code, canRetry: true, namedOnly: false, ...known };
}

function byStatus(status, code) {
  if (status === "processing") return NOT_FINAL;
  if (status === "indeterminate" || code === null) return UNKNOWN;
  const words = code.replaceAll("_", " ");
  return { name: `Refused: ${words}`, next: OTHER };
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
