// A field with a place for what is wrong with it, numbers as they are typed, and sums by currency as fields, in major units.

import { h } from "./dom.js";
import { say } from "./say/terms.js";
import { decimals } from "./words.js";

/** What is no number goes as it is: the service says what is wrong with it. */
export const asNumber = (words) => (Number.isFinite(Number(words)) ? Number(words) : words);

/** A field with its label, its note, and a place for what is wrong with it. */
export function field(id, label, input, note) {
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

/**
 * Sums by currency, in major units, with a row for one more; a row without an amount says nothing. `read()` gives them with
 * the errors that no document can carry; `fields()` are those that were read last, by pointers into the list at `pointer`.
 */
export function sumsForm(sums, { ownCurrency, pointer, legend, note }) {
  const rows = [];
  const list = h("div", {});
  const more = h("button", { type: "button" }, say("terms_form.more"));
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
      return minor === null ? [{ pointer: `${pointer}/${place}/amount_minor`, detail }] : [];
    });
    return { sums: found, errors };
  }

  const fields = () =>
    Object.fromEntries(
      asked.flatMap((row, place) => [
        [`${pointer}/${place}/currency`, row.currency],
        [`${pointer}/${place}/amount_minor`, row.amount],
      ]),
    );
  const element = h("fieldset", {}, h("legend", {}, legend), h("p", { class: "note" }, note), list, more);
  return { element, read, fields };
}

/** Minor units of an amount as people write it; null where it is none in a currency of so many decimals. */
function minorOf(words, places) {
  const [, whole, part = ""] = /^(\d{1,10})(?:\.(\d*))?$/.exec(words) ?? [];
  return whole === undefined || part.length > places ? null : Number(whole + part.padEnd(places, "0"));
}
