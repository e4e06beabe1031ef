// A document of terms as fields: amounts in major units, and what is refused said at the field that a pointer names.

import { h } from "./dom.js";
import { decimals } from "./words.js";

/**
 * The form's fields, of `terms`; `read()` gives the document that they say, with the errors that no document can carry;
 * `blame(errors)` says each at its field, puts the focus on the first, and gives what is said of no field.
 */
export function termsForm(terms, ownCurrency) {
  const { payments, credits, fees, goodwill, choice: asked } = terms;
  const keep = payments.keep;
  const fields = {
    "/payments/return_as": choice("return-as", "Payments come back", payments.return_as, FORMS),
    "/payments/fallback": choice("fallback", "Where a payment can't be returned so", ladderOf(payments.fallback), LADDERS, {
      note: "Too late for a refund, the card is closed. Never after a dispute.",
    }),
    "/payments/part_refunded": choice("part-refunded", "Where a part of it was returned before", payments.part_refunded, {
      person: "A person looks",
      rest: "What is left comes back",
    }),
    "/payments/keep/percent": text("percent", "Kept, in percent", keep.percent, { inputmode: "decimal", note: "0 to 100, two decimals at most." }),
    "/payments/keep/per": choice("per", "The fee is taken", keep.per, { booking: "Once per booking", line: "Of each payment" }),
    "/credits/return": choice("credits", "Credits come back", String(credits.return), { true: "Yes", false: "No" }),
    "/credits/valid_for_days": text("days", "Credits stay usable for so many days", credits.valid_for_days ?? "", {
      inputmode: "numeric",
      note: "1 to 3650. Left empty: as the rules of your credits say.",
    }),
    "/fees/late_cancelled": choice("late", "What was paid by those who cancelled late", fees.late_cancelled, FEES),
    "/fees/no_show": choice("missed", "What was paid by those who did not come", fees.no_show, FEES),
    "/goodwill/credits": text("goodwill", "Credits on top", goodwill.credits, { inputmode: "numeric", note: "0 to 1000. With 0 none are given." }),
    "/goodwill/per": choice("goodwill-per", "They are given", goodwill.per, { client: "Once to each client", booking: "For each booking" }),
    "/goodwill/for": choice("goodwill-for", "For bookings that were", whomOf(goodwill.for), WHOM),
    "/goodwill/valid_for_days": text("goodwill-days", "They stay usable for so many days", goodwill.valid_for_days ?? "", {
      inputmode: "numeric",
      note: "1 to 3650. Left empty: as the rules of your credits say.",
    }),
    "/choice": choice("asked", "Clients choose the form", asked ? "yes" : "no", ASKED, {
      note: "Each by a link of their own. Who does nothing gets what the terms say when the time is up.",
    }),
    "/choice/within_hours": text("within", "Within so many hours", asked?.within_hours ?? 72, { inputmode: "numeric", note: "1 to 720." }),
    "/choice/bonus_percent": text("bonus", "On top of store credit, in percent", asked?.bonus_percent ?? 0, {
      inputmode: "decimal",
      note: "A gift to who chooses store credit. 0 to 100, two decimals at most.",
    }),
  };
  const fixed = fixedSums(keep.fixed, ownCurrency);
  const all = () => ({ ...fields, ...fixed.fields() });
  const value = (pointer) => fields[pointer].input.value.trim();
  const group = (legend, ...pointers) => h("fieldset", { class: "group" }, h("legend", {}, legend), pointers.map((one) => fields[one].element));

  function read() {
    const { sums, errors } = fixed.read();
    const [percent, days, goodwillDays] = ["/payments/keep/percent", "/credits/valid_for_days", "/goodwill/valid_for_days"].map(value);
    const said = {
      payments: {
        return_as: value("/payments/return_as"),
        keep: { percent: asNumber(percent || "0"), fixed: sums, per: value("/payments/keep/per") },
        part_refunded: value("/payments/part_refunded"),
        fallback: value("/payments/fallback").split(","),
      },
      credits: { return: value("/credits/return") === "true", valid_for_days: days ? asNumber(days) : null },
      fees: { late_cancelled: value("/fees/late_cancelled"), no_show: value("/fees/no_show") },
      goodwill: {
        credits: asNumber(value("/goodwill/credits") || "0"),
        valid_for_days: goodwillDays ? asNumber(goodwillDays) : null,
        per: value("/goodwill/per"),
        for: value("/goodwill/for").split(","),
      },
      choice: value("/choice") === "yes" ? choiceOf(asked, value) : null,
    };
    return { terms: said, errors };
  }

  function blame(errors) {
    const places = all();
    const at = (error) => places[error.pointer] ?? places[`${error.pointer}/0/currency`];
    for (const one of Object.values(places)) one.say("");
    for (const error of errors) at(error)?.say(error.detail);
    Object.values(places).find((one) => one.input.matches("[aria-invalid]"))?.input.focus();
    return errors.filter((error) => !at(error)).map((error) => error.detail);
  }

  const elements = [
    group("Payments", "/payments/return_as", "/payments/fallback", "/payments/part_refunded", "/payments/keep/percent"),
    fixed.element,
    fields["/payments/keep/per"].element,
    group("Credits", "/credits/return", "/credits/valid_for_days"),
    group("Late cancellations and no-shows", "/fees/late_cancelled", "/fees/no_show"),
    group("Goodwill", "/goodwill/credits", "/goodwill/per", "/goodwill/for", "/goodwill/valid_for_days"),
    group("Clients choose", "/choice", "/choice/within_hours", "/choice/bonus_percent"),
  ];
  return { elements, read, blame };
}

const FORMS = { original: "The way they were paid", store_credit: "As store credit", nothing: "Not at all" };
const LADDERS = {
  person: "A person looks",
  "store_credit,person": "As store credit, then a person looks",
  "original,person": "The way it was paid, then a person looks",
  "store_credit,original,person": "As store credit, then the way it was paid",
  "original,store_credit,person": "The way it was paid, then as store credit",
};
/** The ladder as one word: a person is always its end. */
const ladderOf = (fallback) => [...fallback.filter((one) => one !== "person"), "person"].join(",");
// Which bookings goodwill is for; the schedule has one word for what a membership covers and what is free.
const WHOM = {
  free: "Free, or covered by a membership",
  paid: "Paid with money",
  credit: "Paid with credits",
  "paid,credit": "Paid with money or credits",
  "paid,free": "Paid with money, free, or covered by a membership",
  "credit,free": "Paid with credits, free, or covered by a membership",
  "paid,credit,free": "Any",
};
/** The words of `for` as one word: a membership's booking is a free one. */
function whomOf(words) {
  const said = words.map((one) => (one === "membership" ? "free" : one));
  return ["paid", "credit", "free"].filter((one) => said.includes(one)).join(",");
}
const ASKED = { no: "No", yes: "Yes: the way they paid, or store credit" };

/** Who does nothing gets the form in which payments come back: the service takes no other default. */
const choiceOf = (asked, value) => ({
  offer: asked?.offer ?? ["original", "store_credit"],
  default: value("/payments/return_as") === "store_credit" ? "store_credit" : "original",
  within_hours: asNumber(value("/choice/within_hours")),
  bonus_percent: asNumber(value("/choice/bonus_percent") || "0"),
});

const FEES = { keep: "Is kept", return: "Comes back whole" };

/** What is no number goes as it is: the service says what is wrong with it. */
const asNumber = (words) => (Number.isFinite(Number(words)) ? Number(words) : words);

/** A field with its label, its note, and a place for what is wrong with it. */
function field(id, label, input, note) {
  const error = h("p", { id: `${id}-error`, class: "error", hidden: true });
  input.id = id;
  input.setAttribute("aria-describedby", note ? `${id}-note ${id}-error` : `${id}-error`);
  const say = (words) => {
    error.textContent = words;
    error.hidden = !words;
    if (words) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const element = h("div", { class: "field" }, h("label", { for: id }, label), input, note && h("p", { class: "note", id: `${id}-note` }, note), error);
  return { input, element, say };
}

const text = (id, label, value, { note, ...more }) => field(id, label, h("input", { value, autocomplete: "off", ...more }), note);

const choice = (id, label, value, words, { note } = {}) =>
  field(id, label, h("select", {}, Object.entries(words).map(([one, said]) => h("option", { value: one, selected: one === value }, said))), note);

/** Sums by currency, in major units, with a row for one more; a row without an amount says nothing. */
function fixedSums(sums, ownCurrency) {
  const rows = [];
  const list = h("div", {});
  const more = h("button", { type: "button" }, "Another currency");
  let asked = []; // the rows that the document which was read last has, in its order

  function add(currency, minor) {
    const place = rows.length + 1;
    const places = decimals(currency);
    const amount = minor === null ? "" : (minor / 10 ** places).toFixed(places);
    const row = {
      currency: text(`currency-${place}`, `Currency ${place}`, currency, { maxlength: 3, size: 4 }),
      amount: text(`amount-${place}`, `Amount ${place}`, amount, { inputmode: "decimal", size: 10 }),
    };
    rows.push(row);
    list.append(h("div", { class: "toolbar" }, row.currency.element, row.amount.element));
    return row;
  }

  for (const one of sums) add(one.currency, one.amount_minor);
  if (!sums.length) add(ownCurrency, null);
  more.addEventListener("click", () => add("", null).currency.input.focus());

  function read() {
    for (const one of rows.flatMap(Object.values)) one.say("");
    asked = rows.filter((row) => row.amount.input.value.trim());
    const found = asked.map((row) => {
      const currency = row.currency.input.value.trim().toUpperCase();
      return { currency, amount_minor: minorOf(row.amount.input.value.trim(), decimals(currency)) };
    });
    const errors = found.flatMap(({ currency, amount_minor: minor }, place) => {
      const detail = `Must be an amount${currency && ` in ${currency}`}, such as ${(5).toFixed(decimals(currency))}.`;
      return minor === null ? [{ pointer: `/payments/keep/fixed/${place}/amount_minor`, detail }] : [];
    });
    return { sums: found, errors };
  }

  const fields = () =>
    Object.fromEntries(
      asked.flatMap((row, place) => [
        [`/payments/keep/fixed/${place}/currency`, row.currency],
        [`/payments/keep/fixed/${place}/amount_minor`, row.amount],
      ]),
    );
  const note = h("p", { class: "note" }, "As prices are written, such as 5.00. Of a currency without an amount nothing is kept beside the percentage.");
  const element = h("fieldset", {}, h("legend", {}, "And kept beside the percentage, a sum by currency"), note, list, more);
  return { element, read, fields };
}

/** Minor units of an amount as people write it; null where it is none in a currency of so many decimals. */
function minorOf(words, places) {
  const [, whole, part = ""] = /^(\d{1,10})(?:\.(\d*))?$/.exec(words) ?? [];
  return whole === undefined || part.length > places ? null : Number(whole + part.padEnd(places, "0"));
}
