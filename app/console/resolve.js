// Closing by hand what no machine can: one refund, or several in the same way.

import { closed, fill, h } from "./dom.js";
import { isPassing, post, Refused } from "./api.js";
import { joined } from "./language.js";
import { clientWords, sumWords } from "./refund_words.js";
import { counted, say } from "./say/job.js";
import { decimals } from "./words.js";

const ELSEWHERE = "refunded_elsewhere";
const NAMED = 5; // of several

/** Asks how these refunds were closed, and says so to the service, one after the other; gives how many were. */
export async function resolveDialog(refunds, { path, signal }) {
  const [first] = refunds;
  const isOne = refunds.length === 1;
  const what = isOne ? say("needs.to", { what: sumWords(first), who: clientWords(first.client) }) : counted("count.refunds", refunds.length);
  const left = [...refunds]; // a try that broke off goes on where it was
  const choice = (value, words, checked) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "resolution", value, checked, required: true }), words);
  const reference = h("input", { id: "reference", required: true, maxlength: 255, autocomplete: "off" });
  const note = h("textarea", { id: "note", rows: 2, maxlength: 500 });
  const amount = isOne && first.method === "payment" && first.amount_minor !== null ? amountOf(first) : null;
  const error = h("p", { class: "error", role: "alert" });
  const yes = h("button", { class: "primary" }, say("resolve.yes"));

  async function submit(event) {
    event.preventDefault();
    yes.disabled = true;
    error.textContent = "";
    const resolution = new FormData(form).get("resolution");
    const body = { resolution, reference: reference.value.trim(), note: note.value.trim() || null };
    if (amount?.value && resolution === ELSEWHERE) body.amount_minor = Math.round(amount.value * 10 ** decimals(first.currency));
    try {
      while (left.length) {
        await post(`${path}/refunds/${left[0].id}/resolve`, body, { signal });
        left.shift();
      }
      dialog.close();
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      const done = refunds.length - left.length;
      error.textContent = done ? counted("resolve.then", done, { why: failed.message }) : failed.message;
      yes.disabled = false;
    }
  }

  const form = h(
    "form",
    { onsubmit: submit, onchange: () => amount && (amount.disabled = new FormData(form).get("resolution") !== ELSEWHERE) },
    h("h2", { id: "resolve-title" }, say("resolve.title", { what })),
    h("p", { class: "note" }, isOne ? say("resolve.of", { session: first.session.name, booking: first.booking_id }) : namesOf(refunds)),
    h(
      "fieldset",
      {},
      h("legend", {}, say(isOne ? "resolve.became" : "resolve.became_them")),
      choice(ELSEWHERE, say(isOne ? "resolve.elsewhere" : "resolve.elsewhere_them"), true),
      choice("waived", say("of_refund.waived")),
    ),
    amount && h("div", { class: "field" }, h("label", { for: "amount" }, say("resolve.amount", { currency: first.currency })), amount),
    h("div", { class: "field" }, h("label", { for: "reference" }, say("resolve.reference")), reference),
    h("div", { class: "field" }, h("label", { for: "note" }, say("resolve.note")), note),
    error,
    h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close() }, say(isOne ? "resolve.leave" : "resolve.leave_them")), yes),
  );
  const dialog = h("dialog", { "aria-labelledby": "resolve-title" });
  fill(dialog, form);
  await closed(dialog, signal);
  return refunds.length - left.length;
}

function namesOf(refunds) {
  const names = [...new Set(refunds.map(({ client }) => clientWords(client)))];
  const first = { names: joined(names.slice(0, NAMED), say("frame.comma")) };
  return names.length > NAMED ? counted("resolve.names_more", names.length - NAMED, first) : say("resolve.names", first);
}

/** A field for what came back of a line of money, in major units; left empty: all of it. */
function amountOf({ currency, amount_minor: most }) {
  const places = decimals(currency);
  const inMajor = (minor) => (minor / 10 ** places).toFixed(places);
  return h("input", { id: "amount", type: "number", min: inMajor(1), max: inMajor(most), step: inMajor(1) });
}
