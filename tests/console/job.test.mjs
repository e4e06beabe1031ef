// How a job is said in people and money, and what a person is told to do for each cause: pure words.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const { finality, headline, notReturned, stepsOf } = await import("./console/job_words.js");
const { byCause, causeOf, retriable } = await import("./console/causes.js");
const { actorWords, clientWords, resolutionWords, stateWords, sumWords } = await import("./console/refund_words.js");

const cad = (minor) => [{ currency: "CAD", amount_minor: minor }];
const job = (status, { owed = cad(130_000), back = cad(124_000), credits = 12, clients = 40, grants = 0 } = {}) => ({
  status,
  session_counts: { accepted: 3 },
  totals: { clients, amounts: owed, credits, goodwill: { grants } },
  refunds: { succeeded: { amounts: back, credits: back.length ? credits : 0 } },
});
const counts = (returned, under_way, need_a_person, nothing_to_return = 0) => ({
  clients: returned + under_way + need_a_person + nothing_to_return,
  returned,
  under_way,
  need_a_person,
  nothing_to_return,
});
const said = (...given) => headline(...given).replaceAll(/[\u00a0\u202f]/g, " ");

test("a job is said in people and money, and who needs a person is in the same sentence", () => {
  const ended = job("completed_with_failures");
  assert.equal(said(ended, counts(38, 0, 2)), "38 of 40 people have their money back: $1,240.00 + 12 credits; 2 need you.");
  assert.equal(said(job("running"), counts(12, 27, 1)), "12 of 40 people have their money back: $1,240.00 + 12 credits; 27 wait still; 1 needs you.");
  assert.equal(said(job("completed"), counts(40, 0, 0, 3)), "All 40 people have their money back: $1,240.00 + 12 credits.");
});

test("one person, nobody yet, and credits alone are said as they are", () => {
  assert.equal(said(job("completed", { clients: 1, credits: 0 }), counts(1, 0, 0)), "1 person has their money back: $1,240.00.");
  assert.equal(said(job("running"), counts(0, 1, 1)), "Nobody has all of theirs back yet: $1,240.00 + 12 credits so far; 1 waits still; 1 needs you.");
  assert.equal(said(job("running", { back: [] }), counts(0, 1, 0)), "Nobody has their money back yet; 1 waits still.");
  assert.equal(said(job("completed", { owed: [], back: cad(0) }), counts(2, 0, 0)), "All 2 people have their credits back: 12 credits.");
});

test("what is on hold, undone or without anything to return says so, whatever is counted", () => {
  assert.equal(said(job("held", { back: [] }), counts(0, 40, 0)), "40 people are to get $1,300.00 + 12 credits back. Nothing is returned before the hold ends.");
  assert.equal(said(job("withdrawn"), null), "It was undone: nothing was returned, and 3 sessions are scheduled again.");
  assert.equal(said(job("completed", { owed: [], credits: 0 }), null), "Nothing was to be returned to 40 people.");
  assert.equal(said(job("running"), null), "$1,240.00 + 12 credits is back so far.");
});

test("each cause has a name and a next step, those that came as a code too", () => {
  const cause = (status, failure_code) => causeOf({ status, failure_code });
  assert.match(cause("rejected", "payment_disputed").next, /pay twice/);
  assert.equal(cause("rejected", "no_such_thing").name, "Refused: no such thing");
  assert.match(cause("processing", null).name, /^Accepted there/);
  assert.match(cause("indeterminate", "unknown").name, /^Nobody knows/);
  for (const code of ["insufficient_balance", "no_such_thing", "gave_up"]) assert.ok(cause("rejected", code).next);
});

test("to-dos are grouped by cause, the most frequent first, and only what the API takes is tried again", () => {
  const refund = (id, failure_code, status = "rejected") => ({ id, failure_code, status });
  const refunds = [refund("a", "payment_disputed"), refund("b", "card_closed"), refund("c", "account_closed"), refund("d", "already_refunded_here"), refund("e", "returned_twice")];
  const groups = byCause(refunds);
  assert.deepEqual(groups[0].refunds.map(({ id }) => id), ["b", "c"]); // for a person they are one
  assert.equal(groups.length, 4);
  assert.deepEqual(retriable(refunds).map(({ id }) => id), ["a", "b", "c"]);
});

test("a refund is said by its sum and form, its client and who did what", () => {
  const money = { method: "payment", currency: "CAD", amount_minor: 2000, returned_as: "original", credits: null };
  assert.match(sumWords(money), /20\.00$/);
  assert.match(sumWords({ ...money, returned_as: "store_credit" }), /20\.00 as store credit$/);
  assert.equal(sumWords({ method: "credit", credits: 1, amount_minor: null, returned_as: "goodwill" }), "1 credit of goodwill");
  assert.equal(clientWords({ id: "c53", name: null }), "client c53");
  assert.deepEqual(["worker", "client", "hook:stripe", "key:front desk"].map(actorWords), ["by itself", "as the client chose", "as the payment service told", "by front desk"]);
  const closed = { status: "resolved", failure_code: "refunded_elsewhere", failure_detail: "By Ana", upstream_reference: "receipt 17", resolved_amount_minor: 1815 };
  assert.match(resolutionWords({ ...closed, currency: "CAD" }), /^Returned another way · .*18\.15 · reference receipt 17 · By Ana$/);
  assert.match(stateWords(closed, "CAD"), /18\.15/);
  assert.equal(stateWords({ status: "rejected", failure_code: "card_closed", failure_detail: "no" }, "CAD"), "Rejected · card closed: no");
});

test("what did not come back is summed, once no machine goes on with it", () => {
  const sum = (minor, credits = 0) => ({ amounts: minor ? cad(minor) : [], credits });
  const refunds = { rejected: sum(2000, 1), indeterminate: sum(1500), processing: sum(0) };
  const plain = (status) => notReturned({ status, refunds }).replaceAll("\u00a0", " ");
  assert.equal(plain("running"), "$20.00 + 1 credit");
  assert.equal(plain("completed_with_failures"), "$35.00 + 1 credit");
  assert.equal(notReturned({ status: "completed", refunds: { rejected: sum(0), indeterminate: sum(0), processing: sum(0) } }), null);
});

test("the steps of a job are those that it has had, and each file says whether it is final", () => {
  const held = { status: "held", requested_at: "a", requested_by: "key:desk", reason: "Snow", hold_until: "b", started_at: null, finished_at: null };
  assert.deepEqual(stepsOf(held), [["a", "Asked for by desk: Snow"], ["b", "The hold ends"]]);
  assert.deepEqual(stepsOf({ ...held, status: "withdrawn", finished_at: "c", reason: null }), [["a", "Asked for by desk"], ["c", "Withdrawn"]]);
  assert.match(finality({ status: "running" }), /^No file is final yet/);
  assert.match(finality({ status: "completed" }), /^These are final\. The CSV of the press is not/);
  assert.match(finality({ status: "completed_with_failures" }), /take them again/);
});
