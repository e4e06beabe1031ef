// What the console says of states: one table that every page uses.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const states = await import("./console/states.js");

test("refunds of a withdrawn job were not returned, whatever they are elsewhere", () => {
  assert.equal(states.refundWord("skipped", "withdrawn"), "Not returned");
  assert.equal(states.refundWord("skipped", "completed"), "Nothing to return");
  assert.equal(states.outcomeWord("accepted", "withdrawn"), "Scheduled again");
});
