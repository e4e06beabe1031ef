// What a client reads of each sum: only what was confirmed is said to be back.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const { headline, lineWords, sum } = await import("./console/yours_words.js");

const LINE = { state: "returned", method: "payment", form: "original", amount: { currency: "CAD", amount_minor: 2000 }, credits: 0, bonus: null, kept_amount: null, kept_credits: 0, reference: "r1", at: "t", expires_after: null, choose_until: null };
const at = (instant) => `at ${instant}`;
const said = (changes) => lineWords({ ...LINE, ...changes }, "Harbour", at);
const page = (...lines) => ({ is_prepared: true, sessions: [{ lines: lines.map((one) => ({ ...LINE, ...one })) }] });

test("each state has words of its own, and only a confirmed one says returned", () => {
  const states = ["returned", "under_way", "with_a_person", "elsewhere", "kept"];
  const badges = Object.fromEntries(states.map((state) => [state, said({ state }).badge]));
  assert.deepEqual(badges, { returned: "Returned", under_way: "On its way", with_a_person: "We look after it", elsewhere: "Returned", kept: "Not returned" });
  for (const state of ["under_way", "with_a_person", "kept"]) {
    assert.doesNotMatch(said({ state }).sentence, /is back|came back|returned:/);
    assert.equal(said({ state }).style, "");
  }
  assert.equal(said({}).sentence, "$20.00 came back the way you paid. Date: at t.");
  assert.match(said({}).note, /bank/);
});

test("credits, gifts and store credit are named for what they are", () => {
  const credit = { method: "credit", amount: null, credits: 2 };
  assert.equal(said(credit).sentence, "2 credits came back to your account. Date: at t.");
  assert.equal(said({ ...credit, form: "goodwill", method: "credit", credits: 1 }).sentence, "1 credit came to you on top, as a gift. Date: at t.");
  assert.equal(said({ form: "store_credit", bonus: { currency: "CAD", amount_minor: 200 } }).sentence, "$22.00 came back as store credit. Date: at t.");
  assert.equal(sum({ ...LINE, ...credit }), "2 credits");
  assert.equal(said({ ...credit, expires_after: "e" }).note, "To be used until at e.");
});

test("what is kept is said with its sum beside what comes back, and alone", () => {
  const fee = { kept_amount: { currency: "CAD", amount_minor: 500 } };
  assert.match(said(fee).sentence, /Harbour keeps \$5\.00 of what you paid\.$/);
  assert.equal(said({ ...fee, state: "kept", amount: null }).sentence, "$5.00 does not come back by the terms of Harbour.");
  assert.match(said({ state: "under_way", choose_until: "c" }).sentence, /choose how it comes back, until at c/);
});

test("the headline is that of what is least settled", () => {
  assert.equal(headline({ is_prepared: false, sessions: [] }), "What comes back to you is being prepared");
  assert.match(headline(page({}, { state: "under_way" })), /on its way/);
  assert.match(headline(page({}, { state: "under_way", choose_until: "c" })), /choose/);
  assert.match(headline(page({}, { state: "with_a_person" })), /could not be returned/);
  assert.equal(headline(page({}, { state: "elsewhere" })), "Everything is back");
  assert.equal(headline(page({}, { state: "kept" })), "What comes back to you is back");
  assert.equal(headline(page({ state: "kept" })), "Nothing comes back of this");
  assert.equal(headline(page()), "There was nothing to return");
});
