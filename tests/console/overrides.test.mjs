// How a request says what was chosen for single bookings.
import assert from "node:assert/strict";
import test from "node:test";

const { CHOICES, overridesOf } = await import("./console/overrides.js");

const said = (...pairs) => new Map(pairs.map(([id, sessionId, choice]) => [id, { sessionId, choice }]));

test("each choice is said in the words of the contract", () => {
  const all = said(["a", "s", "skip"], ["b", "s", "return"], ["c", "s", "store_credit"], ["d", "s", ""]);
  assert.deepEqual(overridesOf(all, ["s"], "why"), [
    { booking_id: "a", action: "skip", note: "why" },
    { booking_id: "b", action: "return", note: "why" },
    { booking_id: "c", action: "return", return_as: "store_credit", note: "why" },
  ]);
  assert.deepEqual(CHOICES, ["", "skip", "return", "store_credit"]);
});

test("nothing is said of a session that is not chosen", () => {
  assert.deepEqual(overridesOf(said(["a", "s", "skip"]), ["t"], "why"), []);
});
