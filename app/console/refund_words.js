// How one refund is said: what it is of, whom it concerns, and what became of it when. Pure words.

import { REFUND } from "./states.js";
import { money, plural } from "./words.js";

/** What a refund returns, or was to: "CA$20.00", "2 credits", "1 credit of goodwill". */
export function sumWords({ method, returned_as: form, credits, ...refund }) {
  const sum = method === "credit" || refund.amount_minor === null ? plural(credits, "credit") : money(refund);
  return form === "goodwill" ? `${sum} of goodwill` : form === "store_credit" ? `${sum} as store credit` : sum;
}

/** A client's name, or the id for who may not read names. */
export const clientWords = ({ id, name }) => name ?? `client ${id}`;

/** Who brought a refund to a state: the service itself, a word of an upstream, the client, or the name of a person or key. */
export function actorWords(actor) {
  if (actor === "worker") return "by itself";
  if (actor === "client") return "as the client chose";
  if (actor.startsWith("hook:")) return "as the payment service told";
  return `by ${actor.replace(/^key:/, "")}`;
}

const RESOLUTION = { refunded_elsewhere: "Returned another way", waived: "Nothing is to be returned" };

/** How a person closed a refund: the word, the amount if it was not all, reference and note. */
export function resolutionWords({ failure_code: code, failure_detail: note, upstream_reference: reference, resolved_amount_minor: minor, currency }) {
  const amount = minor === null || code === "waived" ? null : money({ currency, amount_minor: minor });
  return [RESOLUTION[code] ?? code, amount, reference && `reference ${reference}`, note].filter(Boolean).join(" · ");
}

/** A state that a refund has had, in words. */
export function stateWords(state, currency) {
  if (state.status === "resolved") return resolutionWords({ ...state, currency });
  const why = [state.failure_code?.replaceAll("_", " "), state.failure_detail].filter(Boolean).join(": ");
  return [REFUND[state.status].name, why].filter(Boolean).join(" · ");
}
