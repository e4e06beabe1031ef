// The plan beside the list: who and how much, before anything is pressed. What is pressed is the plan that is shown.

import { announce, fill, h } from "./dom.js";
import { isPassing, post, Refused, sleep } from "./api.js";
import { confirmed } from "./confirm.js";
import { within } from "./language.js";
import { needsApproval } from "./needs_approval.js";
import { Exceptions } from "./exceptions.js";
import { planChecker } from "./plan_check.js";
import { figures, inWords, sentenceOf, warningsOf } from "./plan_figures.js";
import { named, whyNot } from "./press.js";
import { telling } from "./telling.js";
import { counted, say } from "./say/plan.js";

const MOST_SESSIONS = 5_000; // of one request
const SETTLE_MS = 250; // ticks in quick succession are one plan
const AGAIN_MS = 2_000;
const HOLDS = [600, 0, 300, 900, 3600]; // seconds
const REASONS = ["instructor", "weather", "building", "few"]; // that are often given


export class PlanPanel {
  #chosen;
  #planned;
  #press;
  #words;
  #signal;
  #exceptions;
  #telling;
  #plan = null; // of what is chosen now
  #isPressing = false;
  #isAtFault = false; // something was refused of what stands here: the next edit may mend it
  #asking = new AbortController();
  #title = h("h2", { id: "plan-title", tabindex: "-1" }, say("plan.title"));
  #figures = h("div", {}, nothing());
  #trouble = h("div", { class: "error", role: "alert" });
  #reason = h("textarea", { id: "reason", rows: 2, maxlength: 500 });
  #hold = h("select", { id: "hold", "aria-describedby": "hold-note" });
  #attended = h("input", { type: "checkbox", id: "attended" });
  #attendedChoice = h("label", { class: "choice", hidden: true }, this.#attended, say("plan.attended"));
  #inputs = new Map([["/reason", this.#reason], ["/hold_seconds", this.#hold], ["/include_attended", this.#attended]]);
  #button = h("button", { class: "primary press", disabled: true });
  #checked = h("div", {}); // the checker's place
  #checker;
  #ownWords = h("div", {});
  #told = h("div", {}); // whom to tell
  element = h(
    "section",
    { class: "panel plan", "aria-labelledby": "plan-title" },
    h(
      "div",
      { class: "planned" },
      this.#title,
      this.#figures,
      this.#trouble,
      this.#attendedChoice,
      this.#ownWords,
      h("div", { class: "field" }, h("label", { for: "reason" }, say("plan.reason")), this.#reason, reasons(this.#reason)),
      h(
        "div",
        { class: "field" },
        h("label", { for: "hold" }, say("plan.hold")),
        this.#hold,
        h("p", { class: "note", id: "hold-note" }, say("plan.hold_note")),
      ),
      this.#told,
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
    this.#exceptions = new Exceptions({ business, changed: () => this.renew(), signal });
    this.#telling = telling({ business, request: () => this.#request(null), ready: () => this.#offer(), signal });
    this.#told.append(this.#telling.element);
    for (const [pointer, input] of this.#telling.inputs) this.#inputs.set(pointer, input);
    this.#ownWords.append(this.#exceptions.element);
    fill(this.#hold, HOLDS.map((seconds) => h("option", { value: seconds }, say(`hold.after_${seconds}`))));
    this.#attended.addEventListener("change", () => this.renew());
    for (const input of [this.#reason, this.#hold]) input.addEventListener("change", () => this.#telling.renew(this.#plan));
    for (const input of this.#inputs.values()) if (input !== this.#attended) input.addEventListener("input", () => this.#isAtFault && this.renew());
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
    this.#telling.renew(null);
    this.#blame();
    this.#offer();
    this.#trouble.textContent = isTooMany ? counted("plan.too_many", MOST_SESSIONS) : "";
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

  /** Brings the panel into sight, and the focus to it. */
  look() {
    this.#title.focus({ preventScroll: true });
    this.element.scrollIntoView();
  }

  /** While a press is under way nothing else can be pressed. */
  busy(isBusy) {
    this.#isPressing = isBusy;
    this.#offer();
    this.#button.textContent = isBusy ? say("plan.pressing") : this.#words;
  }

  /** Says which of this panel's fields were refused, if that is all: the plan stays, and any edit makes it anew. */
  refuses(error) {
    const errors = error instanceof Refused ? (error.problem.errors ?? []) : [];
    if (!errors.length || !errors.every((one) => this.#inputs.has(fieldOf(one)))) return false;
    this.#blame(errors);
    return true;
  }

  #blame(errors = []) {
    const at = errors.map(fieldOf);
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
      ...this.#telling.members(),
      plan_digest: digest,
    };
  }

  #offer() {
    this.#button.disabled = this.#isPressing || !this.#plan?.totals.sessions || !this.#telling.isReady();
  }

  #rest(...shown) {
    this.element.removeAttribute("aria-busy");
    fill(this.#figures, ...shown);
  }

  #show(plan) {
    this.#plan = plan;
    this.#rest(sentenceOf(plan), warningsOf(plan), needsApproval(plan), ...figures(plan));
    this.#checker.renew(plan);
    this.#telling.renew(plan);
    this.#exceptions.planned(plan.sessions);
    const wereSkipped = plan.warnings.some((one) => one.code === "attended-skipped");
    this.#attendedChoice.hidden = !this.#attended.checked && !wereSkipped;
    this.#offer();
    announce(inWords(plan));
    this.#planned(plan);
  }

  async #failed(error, signal) {
    if (isPassing(error)) {
      this.#trouble.textContent = say("plan.not_now");
      await sleep(AGAIN_MS, signal);
      if (!signal.aborted) this.renew();
      return;
    }
    this.element.removeAttribute("aria-busy");
    if (this.refuses(error)) return; // with the figures that are there
    this.#rest(nothing());
    fill(this.#trouble, error instanceof Refused ? whyNot(error) : say("frame.reload"));
    if (!(error instanceof Refused)) throw error;
  }

  async #confirm() {
    const plan = this.#plan;
    const when = this.#hold.selectedOptions[0].textContent;
    const waits = this.#hold.value !== "0";
    const back = waits ? say("confirm.undo", { when: within(when) }) : say("confirm.no_undo");
    const notes = [back, this.#telling.words()];
    if (plan && (await confirmed(plan, { reason: this.#reason.value.trim(), notes }, this.#signal))) this.#press(this.#request(plan.digest));
  }
}

/** Which field a refusal is of: of one of a list's members, the list's. */
const fieldOf = (error) => error.pointer.replace(/\/\d+$/, "");

/** Reasons that are often given, to begin with: the text stays free. */
function reasons(field) {
  const take = (words) => {
    field.value = words;
    field.dispatchEvent(new Event("input"));
    field.focus();
  };
  const buttons = REASONS.map((one) => say(`reason.${one}`)).map((words) => h("button", { type: "button", onclick: () => take(words) }, words));
  return h("div", { class: "presets", role: "group", "aria-label": say("plan.often") }, buttons);
}

const nothing = () => h("p", { class: "note" }, say("plan.nothing"));
