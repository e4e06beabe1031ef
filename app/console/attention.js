// The refunds that no machine can go on with: why, and what a person may do: have them tried again, or close one by hand.

import { announce, closed, fill, h, table } from "./dom.js";
import { get, isPassing, post, withQuery } from "./api.js";
import { decimals, money, number, plural } from "./words.js";

const STATUSES = ["rejected", "indeterminate", "processing"];
const AT_MOST = 100; // of each status
const DISPUTED = "payment_disputed";
const CLAIMED = "already_refunded_here"; // never sent, and so there is nothing to try again
const ELSEWHERE = "refunded_elsewhere";
const REASONS = {
  payment_not_found: "The payment is unknown there.",
  amount_exceeds_remaining: "More than what is left of the payment.",
  [DISPUTED]: "The payment is disputed.",
  refund_window_expired: "It is too late to refund this payment.",
  form_not_supported: "The service can't return it in this form.",
  not_captured: "The payment was never captured, and only a part of it was to be let go.",
  returned_twice: "Made after all, when it had been refused and returned in another form. See what to take back.",
  gave_up: "Tried for a long time without an answer.",
  [CLAIMED]: "Other refunds claim all that was paid, as far as the schedule has named it. See what was paid.",
};

/** The panel; `acted(job)` is given the job as it stands after what a person did. */
export function attention({ path, signal, acted }) {
  const rows = h("tbody");
  const note = h("p", { class: "note" });
  const error = h("p", { class: "error", role: "alert" });
  const retry = h("button", { onclick: () => tryAgain(retry) }, "Try all of them again");
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "attention-title", hidden: true },
    h("h2", { id: "attention-title" }, "These need you"),
    note,
    error,
    h("div", { class: "toolbar" }, retry),
    table(["Booking", "To return", "Why not", "What you can do"], rows, "attention-title"),
  );
  let drawn = null;
  let draws = 0;

  async function draw() {
    const mine = (draws += 1);
    try {
      const lists = await Promise.all(
        STATUSES.map((status) => get(withQuery(`${path}/refunds`, { status, limit: AT_MOST }), { signal })),
      );
      if (mine !== draws) return; // a later one knows more
      const resting = lists.flatMap((list) => list.data).filter((refund) => refund.next_attempt_at === null);
      const isMore = lists.some((list) => list.next_cursor !== null);
      element.hidden = !resting.length;
      note.textContent = `${isMore ? "The first " : ""}${plural(resting.length, "refund")} that no machine can go on with.`;
      // Disputed ones are named one by one.
      retry.hidden = resting.every((refund) => [DISPUTED, CLAIMED].includes(refund.failure_code));
      fill(rows, resting.map(rowOf));
    } catch (failed) {
      if (!signal.aborted && !isPassing(failed)) throw failed;
      drawn = null;
    }
  }

  function rowOf(refund) {
    const sum = refund.method === "credit" ? plural(refund.credits, "credit") : money(refund);
    const what = refund.returned_as === "goodwill" ? `${sum} of goodwill` : sum;
    const why = REASONS[refund.failure_code] ?? refund.failure_code ?? "Nothing is known of it.";
    const resolve = h("button", { "aria-label": `Resolve by hand: ${what} of booking ${refund.booking_id}` }, "Resolve by hand…");
    resolve.addEventListener("click", () => resolveDialog(refund, what, { path, signal, resolved }));
    const again = h("button", { onclick: () => tryAgain(again, { refund_ids: [refund.id] }) }, "Try again");
    return h(
      "tr",
      { "data-refund": refund.id },
      h("td", {}, refund.booking_id, h("div", { class: "soft" }, `client ${refund.client_id}`)),
      h("td", { class: "number" }, what),
      h("td", {}, why, refund.failure_detail && h("div", { class: "soft" }, refund.failure_detail)),
      h("td", {}, resolve, refund.failure_code === DISPUTED && again),
    );
  }

  async function resolved() {
    announce("Resolved.");
    acted(await get(path, { signal }));
  }

  async function tryAgain(button, which) {
    button.disabled = true;
    error.textContent = "";
    try {
      const job = await post(`${path}/retry`, which, { signal });
      announce(`${plural(job.retried, "refund")} under way again.`);
      acted(job);
    } catch (failed) {
      if (!signal.aborted) error.textContent = failed.message;
    }
    button.disabled = false;
  }

  return {
    element,
    update(job) {
      const state = [job.status, ...[...STATUSES, "resolved"].map((status) => number(job.refunds[status].count))].join();
      if (state === drawn) return;
      drawn = state;
      if (STATUSES.some((status) => job.refunds[status].count)) draw();
      else element.hidden = true;
    },
  };
}

function resolveDialog(refund, what, { path, signal, resolved }) {
  const choice = (value, words, checked) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "resolution", value, checked, required: true }), words);
  const reference = h("input", { id: "reference", required: true, maxlength: 255, autocomplete: "off" });
  const note = h("textarea", { id: "note", rows: 2, maxlength: 500 });
  const amount = refund.method === "payment" ? amountOf(refund) : null;
  const error = h("p", { class: "error", role: "alert" });
  const yes = h("button", { class: "primary" }, "Resolve");
  const submit = async (event) => {
    event.preventDefault();
    yes.disabled = true;
    const resolution = new FormData(form).get("resolution");
    const body = { resolution, reference: reference.value.trim(), note: note.value.trim() || null };
    if (amount?.value && resolution === ELSEWHERE) body.amount_minor = Math.round(amount.value * 10 ** decimals(refund.currency));
    try {
      await post(`${path}/refunds/${refund.id}/resolve`, body, { signal });
      dialog.close();
      await resolved();
    } catch (failed) {
      if (!signal.aborted) error.textContent = failed.message;
      yes.disabled = false;
    }
  };
  const form = h(
    "form",
    { onsubmit: submit, onchange: () => amount && (amount.disabled = new FormData(form).get("resolution") !== ELSEWHERE) },
    h("h2", { id: "resolve-title" }, `Resolve ${what} of booking ${refund.booking_id}`),
    h(
      "fieldset",
      {},
      h("legend", {}, "What became of it?"),
      choice(ELSEWHERE, "It was returned in another way", true),
      choice("waived", "Nothing is to be returned"),
    ),
    amount && h("div", { class: "field" }, h("label", { for: "amount" }, `Amount in ${refund.currency}, if not all of it`), amount),
    h("div", { class: "field" }, h("label", { for: "reference" }, "Reference, for the audit"), reference),
    h("div", { class: "field" }, h("label", { for: "note" }, "Note (optional)"), note),
    error,
    h(
      "div",
      { class: "toolbar" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Leave it open"),
      yes,
    ),
  );
  const dialog = h("dialog", { "aria-labelledby": "resolve-title" }, form);
  closed(dialog, signal);
}

/** A field for what came back of a line of money, in major units; left empty: all of it. */
function amountOf({ currency, amount_minor: most }) {
  const places = decimals(currency);
  const inMajor = (minor) => (minor / 10 ** places).toFixed(places);
  return h("input", { id: "amount", type: "number", min: inMajor(1), max: inMajor(most), step: inMajor(1) });
}
