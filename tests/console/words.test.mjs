// What the console says of money, days and times: pure words, whatever the machine's own clock and zone.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const words = { ...(await import("./console/words.js")), ...(await import("./console/said.js")), ...(await import("./console/job_words.js")), ...(await import("./console/choice_words.js")) };

const plain = (text) => text.replaceAll(/[\u00a0\u202f\u2009]/g, " ");

test("an amount has the decimals of its currency", () => {
  const said = (currency, minor) => plain(words.money({ currency, amount_minor: minor })).replaceAll(/[^0-9.,]/g, "");
  assert.equal(said("CAD", 2005), "20.05");
  assert.equal(said("JPY", 2500), "2,500");
  assert.equal(said("KWD", 12345), "12.345");
  assert.equal(said("CLF", 12345), "1.2345");
  assert.equal(said("HUF", 50), "0.50");
});

test("sums leave out what is nothing, and nothing at all is null", () => {
  const amounts = [
    { currency: "CAD", amount_minor: 0 },
    { currency: "JPY", amount_minor: 300 },
  ];
  assert.match(plain(words.returned({ amounts, credits: 2 })), /300 \+ 2 credits$/);
  assert.equal(words.returned({ amounts: [amounts[0]], credits: 0 }), null);
  assert.equal(words.kept({ kept_amounts: [], kept_credits: 1 }), "1 credit");
});

test("days are counted over the change of clocks and of the year", () => {
  assert.equal(words.plusDays("2026-03-07", 2), "2026-03-09");
  assert.equal(words.plusDays("2026-12-31", 1), "2027-01-01");
  assert.equal(words.daysBetween("2026-10-30", "2026-11-03"), 4);
  assert.deepEqual(words.days("2028-02-28", "2028-03-01"), ["2028-02-28", "2028-02-29", "2028-03-01"]);
});

test("a session's hours are those of the answer, over midnight and when clocks are put back too", () => {
  const hours = (from, to) => plain(words.times({ business_starts_local: from, business_ends_local: to }));
  assert.match(hours("2026-11-24T09:00:00", "2026-11-24T10:30:00"), /^9:00.*10:30/);
  assert.match(hours("2026-11-24T23:30:00", "2026-11-25T00:30:00"), /^11:30.* – 12:30/);
  assert.match(hours("2026-11-01T01:45:00", "2026-11-01T01:15:00"), /^1:45.* – 1:15/);
});

test("where a session is held elsewhere, its own hour is said beside", () => {
  const session = { starts_local: "2026-11-24T12:00:00", business_starts_local: "2026-11-24T09:00:00" };
  assert.match(words.elsewhere({ ...session, timezone: "America/St_Johns" }), /12:00.* in St Johns$/);
  assert.equal(words.elsewhere({ ...session, starts_local: session.business_starts_local, timezone: "UTC" }), null);
});

test("a moment names its offset, in UTC where the browser does not know the zone", () => {
  assert.match(words.moment("2026-11-24T12:00:00Z", "Asia/Kathmandu"), /5:45.*GMT\+5:45$/);
  assert.match(words.moment("2026-11-24T12:00:00Z", "America/Nowhere"), /12:00.*(GMT|UTC)(\+0)?$/);
});

test("how long is said in the unit that fits", () => {
  assert.deepEqual([0.2, 59, 60, 5_399, 5_400].map(words.duration), [
    "1 second",
    "59 seconds",
    "1 minute",
    "90 minutes",
    "2 hours",
  ]);
});

test("a job says how many clients have chosen what, and what becomes of the others", () => {
  const until = "2026-11-30T14:00:00Z";
  const before = Date.parse("2026-11-29T14:00:00Z");
  const after = Date.parse("2026-12-01T14:00:00Z");
  const said = (asked, original, store_credit, { now = before, by = "original", status = "running" } = {}) =>
    words.choiceWords({ choices: { asked, chosen: { original, store_credit }, until }, terms: { choice: { default: by } }, status }, "Monday", now);
  assert.equal(said(0, 0, 0, { status: "held" }), "Clients are asked once the hold is over.");
  assert.equal(said(0, 0, 0), "Nobody has been asked so far.");
  assert.equal(said(3, 0, 0), "0 of 3 clients have chosen. They may until Monday; who has not by then gets money back the way it was paid.");
  assert.match(said(3, 1, 0), /^1 of 3 clients has chosen \(1 the way it was paid\)\. They may/);
  assert.match(said(3, 1, 1), /^2 of 3 clients have chosen \(1 the way it was paid, 1 store credit\)\./);
  assert.equal(said(1, 0, 1), "1 of 1 client has chosen (1 store credit).");
  assert.equal(
    said(3, 1, 1, { now: after, by: "store_credit" }),
    "2 of 3 clients have chosen (1 the way it was paid, 1 store credit). The time was up Monday: who had not chosen gets store credit.",
  );
});
