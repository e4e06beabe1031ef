// The plan beside the list: who and how much, before anything is pressed. What is pressed is the plan that is shown.

import { announce, fill, h } from "./dom.js";
import { isPassing, post, Refused, sleep } from "./api.js";
import { number, plural, returned } from "./words.js";

export const MOST_SESSIONS = 5_000; // of one request
const SETTLE_MS = 250; // ticks in quick succession are one plan
const TYPED_FROM = 20; // sessions: from here on their number is typed before they are cancelled
const HOLDS = [
  [0, "Start at once"],
  [300, "After 5 minutes"],
  [900, "After 15 minutes"],
  [3_600, "After an hour"],
];

/**
 * The panel. `chosen()` gives {date_from, date_to, session_ids}; `planned(plan)` is told of each plan; `press(request,
 * plan)` is called once the person has confirmed.
 */
export function planPanel({ chosen, planned, press, signal }) {
  const figures = h("div", {}, nothing());
  const trouble = h("div", { class: "error", role: "alert" });
  const reason = h("textarea", { id: "reason", rows: 2, maxlength: 500 });
  const hold = h("select", { id: "hold", "aria-describedby": "hold-note" });
  fill(hold, HOLDS.map(([seconds, words]) => h("option", { value: seconds }, words)));
  const attended = h("input", { type: "checkbox", id: "attended" });
  const attendedChoice = h("label", { class: "choice", hidden: true }, attended, "Also return attended bookings");
  const button = h("button", { class: "primary press", disabled: true }, "Cancel Selected & download CSV");
  const element = h(
    "section",
    { class: "panel plan", "aria-labelledby": "plan-title" },
    h("h2", { id: "plan-title" }, "What this will do"),
    figures,
    trouble,
    attendedChoice,
    h("div", { class: "field" }, h("label", { for: "reason" }, "Reason, told to clients"), reason),
    h(
      "div",
      { class: "field" },
      h("label", { for: "hold" }, "Return money and credits"),
      hold,
      h("p", { class: "note", id: "hold-note" }, "While that waits, the cancellation can be undone. Sessions read Cancelled at once."),
    ),
    h("div", { class: "pressing" }, button),
  );
  let plan = null;
  let pressing = false;
  let asking = new AbortController();

  function request() {
    return {
      ...chosen(),
      reason: reason.value.trim() || null,
      hold_seconds: Number(hold.value),
      include_attended: attended.checked,
      plan_digest: plan?.digest ?? null,
    };
  }

  const offer = () => (button.disabled = pressing || !plan?.totals.sessions);

  /** Plans anew for what is chosen now. */
  async function renew() {
    asking.abort();
    asking = new AbortController();
    const either = AbortSignal.any([signal, asking.signal]);
    const count = chosen().session_ids.length;
    plan = null;
    button.disabled = true;
    trouble.textContent = count > MOST_SESSIONS ? `At most ${plural(MOST_SESSIONS, "session")} can be cancelled at a time.` : "";
    if (!count || count > MOST_SESSIONS) {
      element.removeAttribute("aria-busy");
      fill(figures, nothing());
      return;
    }
    element.setAttribute("aria-busy", "true");
    await sleep(SETTLE_MS, either);
    try {
      if (either.aborted) return;
      const found = await post("/bulk-cancellations/plan", { ...request(), plan_digest: null }, { signal: either });
      plan = found;
      fill(figures, shown(found));
      attendedChoice.hidden = !attended.checked && !found.warnings.some((one) => one.code === "attended-skipped");
      offer();
      element.removeAttribute("aria-busy");
      announce(inWords(found.totals));
      planned(found);
    } catch (error) {
      if (either.aborted) return;
      if (isPassing(error)) {
        trouble.textContent = "The plan can't be made now. Trying again…";
        await sleep(2_000, either);
        if (!either.aborted) renew();
        return;
      }
      element.removeAttribute("aria-busy");
      fill(figures, nothing());
      trouble.textContent = error instanceof Refused ? error.message : "Something went wrong. Load the page again.";
      if (!(error instanceof Refused)) throw error;
    }
  }

  attended.addEventListener("change", renew);
  button.addEventListener("click", async () => {
    const confirmed = plan;
    if (confirmed && (await confirm(confirmed, hold.selectedOptions[0].textContent, signal))) {
      press({ ...request(), plan_digest: confirmed.digest }, confirmed);
    }
  });
  return {
    element,
    renew,
    /** While a press is under way nothing else can be pressed. */
    busy(isBusy) {
      pressing = isBusy;
      offer();
      button.textContent = isBusy ? "Cancelling…" : "Cancel Selected & download CSV";
    },
  };
}

const nothing = () => h("p", { class: "note" }, "Select sessions to see the people and the money they mean.");

const inWords = (totals) =>
  `${plural(totals.sessions, "session")}, ${plural(totals.clients, "person", "people")}, ` +
  `${returned(totals) ?? "nothing"} to return.`;

/** The figures of a plan, as a list of terms. */
function facts(totals) {
  const pairs = [
    ["Sessions", number(totals.sessions)],
    ["People", number(totals.clients)],
    ["Bookings", number(totals.bookings)],
    ["To return", returned(totals) ?? "Nothing", "large"],
    ["Refunds", number(totals.refunds)],
    ["With nothing to return", number(totals.nothing_to_return)],
  ];
  return h("dl", { class: "facts" }, ...pairs.flatMap(([term, value, style]) => [h("dt", {}, term), h("dd", { class: style }, value)]));
}

function shown(plan) {
  const warnings = plan.warnings.map((one) => h("li", {}, `${number(one.count)}: ${one.detail}`));
  return [
    facts(plan.totals),
    warnings.length ? h("ul", { class: "note warning", "aria-label": "Warnings" }, ...warnings) : null,
  ].filter(Boolean);
}

/** Asks once more, with the plan's figures; from some size on the number of sessions has to be typed. */
function confirm(plan, when, signal) {
  const count = plan.totals.sessions;
  const typed = count >= TYPED_FROM ? h("input", { id: "typed", inputmode: "numeric", autocomplete: "off" }) : null;
  const yes = h("button", { class: "primary", disabled: typed !== null }, `Cancel ${plural(count, "session")}`);
  typed?.addEventListener("input", () => (yes.disabled = typed.value.trim() !== String(count)));
  const dialog = h(
    "dialog",
    { "aria-labelledby": "confirm-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "confirm-title" }, `Cancel ${plural(count, "session")}?`),
      h("p", {}, "They read Cancelled everywhere at once. Every booked client gets their purchase or credits back."),
      facts(plan.totals),
      h("p", { class: "note" }, `Returning begins: ${when.toLowerCase()}.`),
      typed && h("div", { class: "field" }, h("label", { for: "typed" }, `Type ${count} to confirm`), typed),
      h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close("") }, "Keep them"), yes),
    ),
  );
  yes.value = "yes";
  document.body.append(dialog);
  dialog.showModal();
  signal.addEventListener("abort", () => dialog.close(""), { once: true });
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        dialog.remove();
        resolve(dialog.returnValue === "yes");
      },
      { once: true },
    );
  });
}
