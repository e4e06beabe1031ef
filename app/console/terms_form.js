// A document of terms as fields: amounts in major units, and what is refused said at the field that a pointer names.

import { h } from "./dom.js";
import { say } from "./say/terms.js";
import { decimals } from "./words.js";

/**
 * The form's fields, of `terms`; `read()` gives the document that they say, with the errors that no document can carry;
 * `blame(errors)` says each at its field, puts the focus on the first, and gives what is said of no field.
 */
export function termsForm(terms, ownCurrency) {
  const { payments, credits, fees, goodwill, choice: asked } = terms;
  const keep = payments.keep;
  const fields = {
    "/payments/return_as": choice("return-as", "return_as", payments.return_as, named("as", FORMS)),
    "/payments/fallback": choice("fallback", "fallback", ladderOf(payments.fallback), named("then", LADDERS), { note: "fallback_note" }),
    "/payments/part_refunded": choice("part-refunded", "part_refunded", payments.part_refunded, { person: "then_person", rest: "part_rest" }),
    "/payments/keep/percent": text("percent", "percent", keep.percent, { inputmode: "decimal", note: "percent_note" }),
    "/payments/keep/per": choice("per", "per", keep.per, named("per", ["booking", "line"])),
    "/credits/return": choice("credits", "credits_return", String(credits.return), { true: "yes", false: "no" }),
    "/credits/valid_for_days": text("days", "days", credits.valid_for_days ?? "", { inputmode: "numeric", note: "days_note" }),
    "/fees/late_cancelled": choice("late", "late", fees.late_cancelled, named("fee", FEES)),
    "/fees/no_show": choice("missed", "missed", fees.no_show, named("fee", FEES)),
    "/goodwill/credits": text("goodwill", "goodwill_credits", goodwill.credits, { inputmode: "numeric", note: "goodwill_note" }),
    "/goodwill/per": choice("goodwill-per", "goodwill_per", goodwill.per, named("goodwill", ["client", "booking"])),
    "/goodwill/for": choice("goodwill-for", "goodwill_for", whomOf(goodwill.for), named("for", WHOM)),
    "/goodwill/valid_for_days": text("goodwill-days", "goodwill_days", goodwill.valid_for_days ?? "", { inputmode: "numeric", note: "days_note" }),
    "/choice": choice("asked", "asked", asked ? "yes" : "no", { no: "no", yes: "asked_yes" }, { note: "asked_note" }),
    "/choice/within_hours": text("within", "within", asked?.within_hours ?? 72, { inputmode: "numeric", note: "within_note" }),
    "/choice/bonus_percent": text("bonus", "bonus", asked?.bonus_percent ?? 0, { inputmode: "decimal", note: "bonus_note" }),
  };
  const fixed = fixedSums(keep.fixed, ownCurrency);
  const all = () => ({ ...fields, ...fixed.fields() });
  const value = (pointer) => fields[pointer].input.value.trim();
  const group = (legend, ...pointers) => h("fieldset", { class: "group" }, h("legend", {}, say(`terms_form.${legend}`)), pointers.map((one) => fields[one].element));

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
    group("payments", "/payments/return_as", "/payments/fallback", "/payments/part_refunded", "/payments/keep/percent"),
    fixed.element,
    fields["/payments/keep/per"].element,
    group("credits", "/credits/return", "/credits/valid_for_days"),
    group("fees", "/fees/late_cancelled", "/fees/no_show"),
    group("goodwill", "/goodwill/credits", "/goodwill/per", "/goodwill/for", "/goodwill/valid_for_days"),
    group("choose", "/choice", "/choice/within_hours", "/choice/bonus_percent"),
  ];
  return { elements, read, blame };
}

/** Options by value: each has the phrase that a list of them begins with, and its own. */
const named = (list, values) => Object.fromEntries(values.map((one) => [one, `${list}_${one.replaceAll(",", "_")}`]));

const FORMS = ["original", "store_credit", "nothing"];
const LADDERS = ["person", "store_credit,person", "original,person", "store_credit,original,person", "original,store_credit,person"];
/** The ladder as one word: a person is always its end. */
const ladderOf = (fallback) => [...fallback.filter((one) => one !== "person"), "person"].join(",");
// Which bookings goodwill is for; the schedule has one word for what a membership covers and what is free.
const WHOM = ["free", "paid", "credit", "paid,credit", "paid,free", "credit,free", "paid,credit,free"];
/** The words of `for` as one word: a membership's booking is a free one. */
function whomOf(words) {
  const said = words.map((one) => (one === "membership" ? "free" : one));
  return ["paid", "credit", "free"].filter((one) => said.includes(one)).join(",");
}

/** Who does nothing gets the form in which payments come back: the service takes no other default. */
const choiceOf = (asked, value) => ({
  offer: asked?.offer ?? ["original", "store_credit"],
  default: value("/payments/return_as") === "store_credit" ? "store_credit" : "original",
  within_hours: asNumber(value("/choice/within_hours")),
  bonus_percent: asNumber(value("/choice/bonus_percent") || "0"),
});

const FEES = ["keep", "return"];

/** What is no number goes as it is: the service says what is wrong with it. */
const asNumber = (words) => (Number.isFinite(Number(words)) ? Number(words) : words);

const said = (key) => key && say(`terms_form.${key}`);

/** A field with its label, its note, and a place for what is wrong with it. */
function field(id, label, input, note) {
  const error = h("p", { id: `${id}-error`, class: "error", hidden: true });
  input.id = id;
  input.setAttribute("aria-describedby", note ? `${id}-note ${id}-error` : `${id}-error`);
  const blame = (words) => {
    error.textContent = words;
    error.hidden = !words;
    if (words) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const element = h("div", { class: "field" }, h("label", { for: id }, label), input, note && h("p", { class: "note", id: `${id}-note` }, note), error);
  return { input, element, say: blame };
}

const text = (id, label, value, { note, ...more }) => field(id, said(label), h("input", { value, autocomplete: "off", ...more }), said(note));

const choice = (id, label, value, words, { note } = {}) =>
  field(id, said(label), h("select", {}, Object.entries(words).map(([one, key]) => h("option", { value: one, selected: one === value }, said(key)))), said(note));

/** Sums by currency, in major units, with a row for one more; a row without an amount says nothing. */
function fixedSums(sums, ownCurrency) {
  const rows = [];
  const list = h("div", {});
  const more = h("button", { type: "button" }, said("more"));
  let asked = []; // the rows that the document which was read last has, in its order

  function add(currency, minor) {
    const place = rows.length + 1;
    const places = decimals(currency);
    const amount = minor === null ? "" : (minor / 10 ** places).toFixed(places);
    const row = {
      currency: field(`currency-${place}`, say("terms_form.currency", { n: place }), h("input", { value: currency, autocomplete: "off", maxlength: 3, size: 4 })),
      amount: field(`amount-${place}`, say("terms_form.amount", { n: place }), h("input", { value: amount, autocomplete: "off", inputmode: "decimal", size: 10 })),
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
      const detail = say(currency ? "terms_form.must_be_in" : "terms_form.must_be", { currency, example: (5).toFixed(decimals(currency)) });
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
  const note = h("p", { class: "note" }, said("fixed_note"));
  const element = h("fieldset", {}, h("legend", {}, said("fixed")), note, list, more);
  return { element, read, fields };
}

/** Minor units of an amount as people write it; null where it is none in a currency of so many decimals. */
function minorOf(words, places) {
  const [, whole, part = ""] = /^(\d{1,10})(?:\.(\d*))?$/.exec(words) ?? [];
  return whole === undefined || part.length > places ? null : Number(whole + part.padEnd(places, "0"));
}
