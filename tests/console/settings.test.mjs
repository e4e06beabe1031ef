// What the settings say of keys and webhooks: pure words.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const { mayGive, mayWords, ROLE, rolesFor } = await import("./console/access_words.js");
const { limitsWords } = await import("./console/limit_words.js");
const { removedFacts, retentionWords } = await import("./console/privacy_words.js");
const { deliveryWords, eventWords, whyDisabled } = await import("./console/webhook_words.js");

test("nobody is offered a role that may do what they may not", () => {
  assert.deepEqual(rolesFor(ROLE.owner), Object.keys(ROLE));
  assert.deepEqual(rolesFor([...ROLE.front_desk, "business:manage"]), ["front_desk", "read_only"]);
  assert.equal(mayWords({ role: "front_desk", scopes: [] }), "Front desk");
  assert.equal(mayWords({ role: null, scopes: ROLE.owner }), "Everything");
  assert.equal(mayWords({ role: null, scopes: ["schedule:read", "new:scope"] }), "See the schedule; new:scope");
  assert.equal(mayGive(["schedule:read"], ["schedule:read", "audit:read"]), false);
});

test("a delivery says how often it was tried, what came back last and when it is tried next", () => {
  const at = (instant) => `at ${instant}`;
  const answered = { status_code: 500, error: null, milliseconds: 12 };
  assert.equal(deliveryWords({ attempts: [], next_attempt_at: "soon" }, at), "");
  assert.equal(deliveryWords({ attempts: [answered], next_attempt_at: null }, at), "answered 500 in 12 ms");
  const failed = { status_code: null, error: "tls", milliseconds: 3 };
  assert.equal(deliveryWords({ attempts: [answered, failed], next_attempt_at: "noon" }, at), "2 tries · its certificate was not taken · next try at noon");
});

test("an endpoint says why nothing is sent to it, unless somebody wanted that", () => {
  assert.equal(whyDisabled({ disabled_because: "by_hand", failing_since: "x" }), null);
  assert.match(whyDisabled({ disabled_because: "gone", failing_since: null }), /410/);
  assert.match(whyDisabled({ disabled_because: null, failing_since: "x" }), /not taken/);
  assert.equal(whyDisabled({ disabled_because: null, failing_since: null }), null);
  assert.equal(eventWords("webhook_endpoint.test"), "A test");
});

test("limits are said in a sentence, with how long an approval is waited for", () => {
  const none = { money: null, credits: null, people: null, sessions: null, share_of_week_percent: null, within_hours: 72 };
  assert.equal(limitsWords(none), "Nothing needs an approval.");
  const some = { ...none, money: [{ currency: "CAD", amount_minor: 200_000 }], credits: 0, people: 1, share_of_week_percent: 30, within_hours: 1 };
  assert.equal(limitsWords(some), "Somebody else approves what is above any of these: $2,000.00; 0 credits; 1 person; 30 % of a week's sessions. It is waited for 1 hour.");
});

test("what is kept is said with its days, and what was removed with when", () => {
  assert.equal(retentionWords({ job_days: null, message_days: null, client_days: null }), "Everything is kept.");
  assert.equal(retentionWords({ job_days: 730, message_days: 1, client_days: null }), "Ended cancellations name nobody after 730 days. Messages are removed after 1 day.");
  assert.equal(retentionWords({ job_days: null, message_days: null, client_days: 2 }), "Clients whom nothing needs are forgotten after 2 days.");
  const at = (instant) => `at ${instant}`;
  assert.equal(removedFacts({ jobs: 0, messages: 0, clients: 0, at: null }, at).length, 3);
  assert.deepEqual(removedFacts({ jobs: 1, messages: 1_200, clients: 2, at: "noon" }, at).map(([, value]) => value), ["1", "1,200", "2", "at noon"]);
});
