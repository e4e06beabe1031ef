// What is said of webhook endpoints, and of what was sent to them: pure words.

import { joined } from "./language.js";
import { counted, say } from "./say/settings.js";

/** What an endpoint may be told of. */
export const EVENTS = [
  "bulk_cancellation.accepted",
  "session.cancelled",
  "refund.succeeded",
  "refund.failed",
  "bulk_cancellation.completed",
  "bulk_cancellation.approval_requested",
  "bulk_cancellation.refused",
  "bulk_cancellation.withdrawn",
  "client.settled",
  "webhook_endpoint.disabled",
];
const TEST = "webhook_endpoint.test"; // which nobody asks for by type

/** What is said of an event of a type: of a test, too; of one that is not known here, its name. */
export const eventWords = (type) => ([...EVENTS, TEST].includes(type) ? say(`hook_event.${type.replace(".", "_")}`) : type);

/** An endpoint's states: the style of its badge. */
export const ENDPOINT = { enabled: "good", disabled: "bad" };

/** A delivery's states: the style of its badge. */
export const DELIVERY = { pending: "", delivered: "good", failed: "bad" };

/** The word for a state of an endpoint or of a delivery. */
export const stateWord = (status) => say(`hook_state.${status}`);

const BECAUSE = ["gone", "failing"]; // and not by hand
const ERRORS = ["timed_out", "no_connection", "tls", "broken", "not_allowed"];

/** Why an endpoint is disabled, or that it has begun to fail; null where there is nothing to say. */
export function whyDisabled({ disabled_because: why, failing_since: since }) {
  if (why) return BECAUSE.includes(why) ? say(`hook_state.${why}`) : null;
  return since ? say("hook_state.not_taken") : null;
}

/** What came of a delivery so far: how often it was tried, what came back last, and when it is tried next. */
export function deliveryWords({ attempts, next_attempt_at: next }, at) {
  const last = attempts.at(-1);
  const tries = attempts.length > 1 ? counted("hook_state.tries", attempts.length) : null;
  return joined([tries, last && answerWords(last), next && attempts.length && say("hook_state.next", { at: at(next) })], " · ");
}

function answerWords({ status_code: code, error, milliseconds }) {
  if (code !== null) return say("hook_state.answered", { code, time: milliseconds });
  return ERRORS.includes(error) ? say(`hook_state.${error}`) : error;
}
