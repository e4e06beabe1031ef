// What the console says of a check, and how it cuts a stream into events: pure, whatever comes in which pieces.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const said = await import("./console/check_words.js");
const { eventCutter } = await import("./console/events.js");

const plain = (text) => text.replaceAll(/[\u00a0\u202f\u2009]/g, " ");
const risk = (members) => ({
  session_id: "s1",
  session_name: "Yoga",
  booking_id: "b7",
  line_no: 1,
  client_name: "Kim Li",
  currency: "CAD",
  amount_minor: 2000,
  needed_minor: 4000,
  remaining_minor: 1500,
  code: "disputed",
  ...members,
});
const check = (members) => ({
  progress: { asked: 3, of: 3, at_risk: 0, unknown: 0 },
  risks: [],
  balances: [],
  not_asked: [],
  ...members,
});

test("a stream is cut into the same events whatever pieces it comes in", () => {
  const stream = ': still here\n\nevent: risk\ndata: {"a": "x: y"}\n\nid: 1\nevent: done\ndata: {"b": [1]}\n\nevent: half\nda';
  const whole = [
    ["risk", { a: "x: y" }],
    ["done", { b: [1] }],
  ];
  for (let size = 1; size <= stream.length; size += 1) {
    const cutter = eventCutter();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...cutter.push(stream.slice(at, at + size)));
    assert.deepEqual(found, whole);
  }
});

test("a risk names whose it is and how much, and says why in words", () => {
  const [who, why] = said.riskWords(risk({ code: "part_refunded" })).map(plain);
  assert.match(who, /^Kim Li, Yoga, .*20\.00$/);
  assert.match(why, /^Only .*15\.00 is left of the payment, and .*40\.00 is to come back of it\.$/);
  assert.match(said.riskWords(risk({ code: "part_refunded", remaining_minor: 0 }))[1], /^Nothing is left/);
  assert.match(said.riskWords(risk({ client_name: null }))[0], /^Booking b7, Yoga/);
});

test("what only a person can mend comes first, and then by session and client", () => {
  const risks = [
    risk({ code: "unknown" }),
    risk({ session_name: "Spin" }),
    risk({ client_name: "Ana" }),
    risk({ code: "not_found" }),
    risk({ line_no: 2, client_name: "Ana" }),
  ];
  const order = said.inOrder(risks).map((one) => risks.indexOf(one));
  assert.deepEqual(order, [1, 2, 4, 3, 0]);
});

test("progress says lines, and what was found so far", () => {
  assert.equal(said.progressWords({ asked: 0, of: 1, at_risk: 0, unknown: 0 }), "0 of 1 payment line asked about.");
  const words = said.progressWords({ asked: 40, of: 120, at_risk: 2, unknown: 1 });
  assert.equal(words, "40 of 120 payment lines asked about: 2 at risk, 1 unknown.");
});

test("all of it is a sentence: what may not come back, what is not known, and too little money", () => {
  assert.equal(said.summary(check()), "Nothing speaks against it: 3 payment lines can come back as planned.");
  assert.equal(said.summary(check({ progress: { asked: 0, of: 3, at_risk: 0, unknown: 0 } })), "Nothing was asked about.");
  const short = [{ currency: "CAD", available_minor: 99, needed_minor: 100 }];
  const progress = { asked: 3, of: 3, at_risk: 1, unknown: 1 };
  assert.equal(
    said.summary(check({ progress, balances: short })),
    "1 payment line may not come back as planned; of 1 payment line the payment service did not say; " +
      "there is too little to return from.",
  );
});

test("money is a warning where there is too little, and nothing is said of what is not known", () => {
  const balances = [
    { currency: "CAD", available_minor: 700, needed_minor: 701 },
    { currency: "JPY", available_minor: 700, needed_minor: 700 },
    { currency: "EUR", available_minor: null, needed_minor: 1 },
  ];
  const not_asked = [
    { reason: "credits", count: 4 },
    { reason: "out_of_time", count: 1 },
  ];
  const found = said.remarks(check({ balances, not_asked }));
  assert.deepEqual(
    found.map((one) => one.isWarning),
    [true, false, true],
  );
  assert.match(plain(found[0].words), /^There is .*7\.00 to return from, and .*7\.01 is needed\.$/);
  assert.equal(found[2].words, "1 payment line was not asked about: the time was up.");
});
