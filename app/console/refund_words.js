// How one refund is said: what it is of, whom it concerns, and what became of it when. Pure words.

import { joined } from "./language.js";
import { counted, say } from "./say/job.js";
import { refundWord } from "./states.js";
import { money } from "./words.js";

/** What a refund returns, or was to: "CA$20.00", "2 credits", "1 credit of goodwill". */
export function sumWords({ method, returned_as: form, credits, ...refund }) {
  const sum = method === "credit" || refund.amount_minor === null ? counted("common.credits", credits) : money(refund);
  return form === "goodwill" || form === "store_credit" ? say(`of_refund.${form}`, { sum }) : sum;
}

/** A client's name, or the id for who may not read names. */
export const clientWords = ({ id, name }) => name ?? say("of_refund.client", { id });

/** Who brought a refund to a state: the service itself, a word of an upstream, the client, or the name of a person or key. */
export function actorWords(actor) {
  if (actor === "worker") return say("of_refund.by_itself");
  if (actor === "client") return say("of_refund.by_client");
  if (actor.startsWith("hook:")) return say("of_refund.by_service");
  return say("of_refund.by", { who: actor.replace(/^key:/, "") });
}

const RESOLUTIONS = ["refunded_elsewhere", "waived"];

/** How a person closed a refund: the word, the amount if it was not all, reference and note. */
export function resolutionWords({ failure_code: code, failure_detail: note, upstream_reference: reference, resolved_amount_minor: minor, currency }) {
  const amount = minor === null || code === "waived" ? null : money({ currency, amount_minor: minor });
  const word = RESOLUTIONS.includes(code) ? say(`of_refund.${code}`) : code;
  return joined([word, amount, reference && say("of_refund.reference", { reference }), note], " · ");
}

/** A state that a refund has had, in words. */
export function stateWords(state, currency) {
  if (state.status === "resolved") return resolutionWords({ ...state, currency });
  const why = [state.failure_code?.replaceAll("_", " "), state.failure_detail].filter(Boolean).join(": ");
  return joined([refundWord(state.status), why], " · ");
}
