// A document of terms as fields: amounts in major units, and what is refused said at the field that a pointer names.

import { h } from "./dom.js";
import { say } from "./say/terms.js";
import { asNumber, field, sumsForm } from "./sums_form.js";

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
  const fixed = sumsForm(keep.fixed, { ownCurrency, pointer: "/payments/keep/fixed", legend: said("fixed"), note: said("fixed_note") });
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

const said = (key) => key && say(`terms_form.${key}`);

const text = (id, label, value, { note, ...more }) => field(id, said(label), h("input", { value, autocomplete: "off", ...more }), said(note));

const choice = (id, label, value, words, { note } = {}) =>
  field(id, said(label), h("select", {}, Object.entries(words).map(([one, key]) => h("option", { value: one, selected: one === value }, said(key)))), said(note));
