// The plan beside the list: who and how much, before anything is pressed. What is pressed is the plan that is shown.

import { announce, closed, fill, h, terms } from "./dom.js";
import { isPassing, post, Refused, sleep } from "./api.js";
import { Exceptions } from "./exceptions.js";
import { planChecker } from "./plan_check.js";
import { named, whyNot } from "./press.js";
import { keptFacts } from "./terms_words.js";
import { kept, number, plural, returned } from "./words.js";

const MOST_SESSIONS = 5_000; // of one request
const SETTLE_MS = 250; // ticks in quick succession are one plan
const AGAIN_MS = 2_000;
const TYPED_FROM = 20; // sessions: from here on their number is typed before they are cancelled
const HOLDS = [
  [0, "Start at once"],
  [300, "After 5 minutes"],
  [900, "After 15 minutes"],
  [3_600, "After an hour"],
];

export class PlanPanel {
  #chosen;
  #planned;
  #press;
  #words;
  #signal;
  #exceptions;
  #plan = null; // of what is chosen now
  #isPressing = false;
  #isAtFault = false; // something was refused of what stands here: the next edit may mend it
  #asking = new AbortController();
  #figures = h("div", {}, nothing());
  #trouble = h("div", { class: "error", role: "alert" });
  #reason = h("textarea", { id: "reason", rows: 2, maxlength: 500 });
  #hold = h("select", { id: "hold", "aria-describedby": "hold-note" });
  #attended = h("input", { type: "checkbox", id: "attended" });
  #attendedChoice = h("label", { class: "choice", hidden: true }, this.#attended, "Also return attended bookings");
  #inputs = new Map([["/reason", this.#reason], ["/hold_seconds", this.#hold], ["/include_attended", this.#attended]]);
  #button = h("button", { class: "primary press", disabled: true });
  #checked = h("div", {}); // the checker's place
  #checker;
  #ownWords = h("div", {});
  element = h(
    "section",
    { class: "panel plan", "aria-labelledby": "plan-title" },
    h(
      "div",
      { class: "planned" },
      h("h2", { id: "plan-title" }, "What this will do"),
      this.#figures,
      this.#trouble,
      this.#attendedChoice,
      this.#ownWords,
      h("div", { class: "field" }, h("label", { for: "reason" }, "Reason, told to clients"), this.#reason),
      h(
        "div",
        { class: "field" },
        h("label", { for: "hold" }, "Return money and credits"),
        this.#hold,
        h("p", { class: "note", id: "hold-note" }, "While that waits, the cancellation can be undone. Sessions read Cancelled at once."),
      ),
      this.#checked,
    ),
    h("div", { class: "pressing" }, this.#button),
  );

  /**
   * `business` is whose plan it is; `chosen()` gives {date_from, date_to, session_ids}; `planned(plan)` is told of each
   * plan; `press(request)` is called once the person has confirmed; `words` are on its button.
   */
  constructor({ business, chosen, planned, press, words, signal }) {
    this.#chosen = chosen;
    this.#planned = planned;
    this.#press = press;
    this.#words = words;
    this.#button.textContent = words;
    this.#signal = signal;
    this.#checker = planChecker({ request: () => this.#request(null), signal });
    fill(this.#checked, this.#checker.element);
    const sessions = () => (this.#plan?.sessions ?? []).filter((one) => one.outcome === "accepted");
    this.#exceptions = new Exceptions({ business, sessions, changed: () => this.renew(), signal });
    this.#ownWords.append(this.#exceptions.element);
    fill(this.#hold, HOLDS.map(([seconds, name]) => h("option", { value: seconds }, name)));
    this.#attended.addEventListener("change", () => this.renew());
    for (const input of [this.#reason, this.#hold]) input.addEventListener("input", () => this.#isAtFault && this.renew());
    this.#button.addEventListener("click", () => this.#confirm());
  }

  /** Plans anew for what is chosen now. */
  async renew() {
    this.#asking.abort();
    this.#asking = new AbortController();
    const either = AbortSignal.any([this.#signal, this.#asking.signal]);
    const ids = this.#chosen().session_ids;
    const count = ids.length;
    this.#exceptions.show(ids);
    const isTooMany = count > MOST_SESSIONS;
    this.#plan = null;
    this.#checker.renew(null);
    this.#blame();
    this.#offer();
    this.#trouble.textContent = isTooMany ? `At most ${plural(MOST_SESSIONS, "session")} can be cancelled at a time.` : "";
    if (!count || isTooMany) {
      this.#rest(nothing());
      return;
    }
    this.element.setAttribute("aria-busy", "true");
    await sleep(SETTLE_MS, either);
    try {
      if (!either.aborted) this.#show(await post("/bulk-cancellations/plan", this.#request(null), { signal: either }));
    } catch (error) {
      if (!either.aborted) await this.#failed(error, either);
    }
  }

  /** While a press is under way nothing else can be pressed. */
  busy(isBusy) {
    this.#isPressing = isBusy;
    this.#offer();
    this.#button.textContent = isBusy ? "Cancelling…" : this.#words;
  }

  /** Says which of this panel's fields were refused, if that is all: the plan stays, and any edit makes it anew. */
  refuses(error) {
    const errors = error instanceof Refused ? (error.problem.errors ?? []) : [];
    if (!errors.length || !errors.every((one) => this.#inputs.has(one.pointer))) return false;
    this.#blame(errors);
    return true;
  }

  #blame(errors = []) {
    const at = errors.map((one) => one.pointer);
    this.#isAtFault = errors.length > 0;
    for (const [pointer, input] of this.#inputs) {
      if (at.includes(pointer)) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    fill(this.#trouble, errors.map((one) => h("p", {}, named(one))));
  }

  #request(digest) {
    const chosen = this.#chosen();
    return {
      ...chosen,
      ...this.#exceptions.members(chosen.session_ids),
      reason: this.#reason.value.trim() || null,
      hold_seconds: Number(this.#hold.value),
      include_attended: this.#attended.checked,
      plan_digest: digest,
    };
  }

  #offer() {
    this.#button.disabled = this.#isPressing || !this.#plan?.totals.sessions;
  }

  #rest(...figures) {
    this.element.removeAttribute("aria-busy");
    fill(this.#figures, ...figures);
  }

  #show(plan) {
    this.#plan = plan;
    this.#rest(facts(plan), warningsOf(plan));
    this.#checker.renew(plan);
    const wereSkipped = plan.warnings.some((one) => one.code === "attended-skipped");
    this.#attendedChoice.hidden = !this.#attended.checked && !wereSkipped;
    this.#offer();
    announce(inWords(plan.totals));
    this.#planned(plan);
  }

  async #failed(error, signal) {
    if (isPassing(error)) {
      this.#trouble.textContent = "The plan can't be made now. Trying again…";
      await sleep(AGAIN_MS, signal);
      if (!signal.aborted) this.renew();
      return;
    }
    this.element.removeAttribute("aria-busy");
    if (this.refuses(error)) return; // with the figures that are there
    this.#rest(nothing());
    fill(this.#trouble, error instanceof Refused ? whyNot(error) : "Something went wrong. Load the page again.");
    if (!(error instanceof Refused)) throw error;
  }

  async #confirm() {
    const plan = this.#plan;
    const when = this.#hold.selectedOptions[0].textContent;
    if (plan && (await confirmed(plan, when, this.#signal))) this.#press(this.#request(plan.digest));
  }
}

const nothing = () => h("p", { class: "note" }, "Select sessions to see the people and the money they mean.");

const inWords = (totals) =>
  `${plural(totals.sessions, "session")}, ${plural(totals.clients, "person", "people")}, ` +
  `${returned(totals) ?? "nothing"} to return${kept(totals) ? `, ${kept(totals)} kept` : ""}.`;

/** The figures of a plan, as a list of terms. */
function facts(plan) {
  const { totals } = plan;
  const pairs = [
    ["Sessions", number(totals.sessions)],
    ["People", number(totals.clients)],
    ["Bookings", number(totals.bookings)],
    ["To return", returned(totals) ?? "Nothing", "large"],
    ...keptFacts(plan),
    ["Refunds", number(totals.refunds)],
    ["With nothing to return", number(totals.nothing_to_return)],
  ];
  return h("dl", { class: "facts" }, terms(pairs));
}

const ofSums = (warning) => (returned(warning) ? ` (${returned(warning)})` : "");

function warningsOf(plan) {
  const warnings = plan.warnings.map((one) => h("li", {}, `${number(one.count)}: ${one.detail}${ofSums(one)}`));
  return warnings.length ? h("ul", { class: "note warning", "aria-label": "Warnings" }, warnings) : null;
}

/** Asks once more, with the plan's figures; from some size on the number of sessions has to be typed. */
function confirmed(plan, when, signal) {
  const count = plan.totals.sessions;
  const all = "Every booked client gets their purchase or credits back.";
  const back = kept(plan.totals) || plan.terms ? "Clients get back what is to return; the rest is kept, as said here." : all;
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
      h("p", {}, `They read Cancelled everywhere at once. ${back}`),
      facts(plan),
      h("p", { class: "note" }, `Returning begins: ${when.toLowerCase()}.`),
      typed && h("div", { class: "field" }, h("label", { for: "typed" }, `Type ${count} to confirm`), typed),
      h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close("") }, "Keep them"), yes),
    ),
  );
  yes.value = "yes";
  return closed(dialog, signal).then((value) => value === "yes");
}
