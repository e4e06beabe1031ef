// Asks the payment service about the plan that is shown, when a person wants to know before they press. It takes as long as
// it must, for it goes behind refunds: it tells how far it is, can be stopped, and ends with the page.

import { announce, fill, h } from "./dom.js";
import { call, Refused } from "./api.js";
import { inOrder, progressWords, remarks, riskWords, summary } from "./check_words.js";
import { eventsOf } from "./events.js";
import { say } from "./say/plan.js";
import { number } from "./words.js";

const MOST_SHOWN = 100;
const SCROLLS = { class: "risks", tabindex: "0", role: "group" }; // by the keyboard, too

/** A checker for a panel: `request()` is the body of a plan. `element` is shown in it, `renew(plan)` with each plan or none. */
export function planChecker({ request, signal }) {
  let asking = null; // what ends the check that is under way
  const bar = h("progress", { "aria-labelledby": "check-words" });
  const words = h("p", { id: "check-words" });
  const progress = h("div", { hidden: true }, words, bar);
  const results = h("div", {});
  const trouble = h("div", { class: "error", role: "alert" });
  const button = h("button", { type: "button", onclick: () => (asking ? stop() : check()) }, say("check.begin"));
  const element = h("div", { class: "check", hidden: true }, button, progress, trouble, results);

  function stop() {
    asking?.abort();
    asking = null;
    progress.hidden = true;
    button.textContent = say("check.begin");
  }

  async function check() {
    const mine = (asking = new AbortController());
    const either = AbortSignal.any([signal, mine.signal]);
    fill(results);
    fill(trouble);
    button.textContent = say("check.stop");
    words.textContent = say("check.asking");
    bar.removeAttribute("value");
    progress.hidden = false;
    announce(say("check.begun"));
    try {
      const found = await asked(either);
      if (found) show(found);
      else if (!either.aborted) trouble.textContent = say("check.broken");
    } catch (error) {
      if (!either.aborted) trouble.textContent = error instanceof Refused ? error.message : say("check.broken");
    }
    if (asking === mine) stop();
  }

  /** All that was found; undefined: the stream broke off before that. */
  async function asked(either) {
    const options = { body: request(), headers: { Accept: "text/event-stream" }, signal: either, patience: 0 };
    const answer = await call("POST", "/bulk-cancellations/plan?check=true", options);
    for await (const [name, data] of eventsOf(answer)) {
      if (either.aborted) return undefined;
      if (name === "done") return data; // in the turn in which it came, so that it is of the plan that is shown
      if (name === "progress") tell(data);
    }
    return undefined;
  }

  function tell(data) {
    words.textContent = progressWords(data);
    bar.max = Math.max(1, data.of);
    bar.value = data.asked;
  }

  function show(found) {
    const risks = inOrder(found.risks);
    const shown = risks.slice(0, MOST_SHOWN).map((risk) => {
      const [who, why] = riskWords(risk);
      return h("li", {}, h("strong", {}, say("check.full_stop", { all: who })), " ", why);
    });
    if (risks.length > MOST_SHOWN) shown.push(h("li", {}, say("frame.and_more", { n: number(risks.length - MOST_SHOWN) })));
    fill(
      results,
      h("h3", { id: "check-title" }, say("check.title")),
      h("p", {}, summary(found)),
      remarks(found).map((one) => h("p", { class: one.isWarning ? "note warning" : "note" }, one.words)),
      shown.length > 0 && h("div", { ...SCROLLS, "aria-labelledby": "check-title" }, h("ul", {}, shown)),
      h("p", { class: "note" }, say("check.may_change")),
    );
    announce(summary(found));
  }

  return {
    element,
    /** Forgets what was said of another plan. */
    renew(plan) {
      stop();
      fill(results);
      fill(trouble);
      element.hidden = !plan?.totals.amounts.some((one) => one.amount_minor);
    },
  };
}
