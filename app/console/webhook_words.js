// What is said of webhook endpoints, and of what was sent to them: pure words.

/** What an endpoint may be told of. */
export const EVENTS = {
  "bulk_cancellation.accepted": "A bulk cancellation was accepted",
  "session.cancelled": "A session was cancelled",
  "refund.succeeded": "A refund was made",
  "refund.failed": "A refund needs a person",
  "bulk_cancellation.completed": "A bulk cancellation has ended",
  "bulk_cancellation.approval_requested": "A bulk cancellation awaits approval",
  "bulk_cancellation.refused": "A bulk cancellation was not approved",
  "bulk_cancellation.withdrawn": "A bulk cancellation was undone",
  "client.settled": "All of one client's has an end",
  "webhook_endpoint.disabled": "An endpoint was disabled",
};

/** What is said of an event of a type: of a test, too, which nobody asks for by type. */
export const eventWords = (type) => EVENTS[type] ?? (type === "webhook_endpoint.test" ? "A test" : type);

/** An endpoint's states: the word, and the style of its badge. */
export const ENDPOINT = { enabled: { name: "Enabled", badge: "good" }, disabled: { name: "Disabled", badge: "bad" } };

/** A delivery's states: the word, and the style of its badge. */
export const DELIVERY = {
  pending: { name: "On its way", badge: "" },
  delivered: { name: "Delivered", badge: "good" },
  failed: { name: "Not delivered", badge: "bad" },
};

const BECAUSE = {
  by_hand: null,
  gone: "It answered that it is gone (410), so nothing is sent to it any more. Enable it once it is back.",
  failing: "Nothing could be delivered for five days, so nothing is sent to it any more. Enable it once it answers.",
};
const ERRORS = {
  timed_out: "no answer in time",
  no_connection: "no connection",
  tls: "its certificate was not taken",
  broken: "the connection broke",
  not_allowed: "its address may not be called",
};

/** Why an endpoint is disabled, or that it has begun to fail; null where there is nothing to say. */
export const whyDisabled = ({ disabled_because: why, failing_since: since }) => (why ? BECAUSE[why] : since ? "It has not taken what was last sent to it." : null);

/** What came of a delivery so far: how often it was tried, what came back last, and when it is tried next. */
export function deliveryWords({ attempts, next_attempt_at: next }, at) {
  const last = attempts.at(-1);
  const tries = attempts.length > 1 ? `${attempts.length} tries` : null;
  const answer = last && (last.status_code === null ? (ERRORS[last.error] ?? last.error) : `answered ${last.status_code} in ${last.milliseconds} ms`);
  return [tries, answer, next && attempts.length && `next try ${at(next)}`].filter(Boolean).join(" · ");
}
