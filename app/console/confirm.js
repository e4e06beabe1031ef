// The last question before a press: the plan's sentence, its first sessions, warnings and reason once more.

import { closed, h } from "./dom.js";
import { needsApproval } from "./needs_approval.js";
import { firstSessions, keptList, sentenceOf, warningsOf } from "./plan_figures.js";
import { counted, say } from "./say/plan.js";

const TYPED_FROM = 20; // sessions: from here on their number is typed before they are cancelled

/** Asks whether to do what a plan says; from some size on the number of sessions has to be typed. Gives whether it is to be. */
export async function confirmed(plan, { reason, notes }, signal) {
  const count = plan.totals.sessions;
  const typed = count >= TYPED_FROM ? h("input", { id: "typed", inputmode: "numeric", autocomplete: "off" }) : null;
  const yes = h("button", { class: "danger", disabled: typed !== null, value: "yes" }, counted("confirm.yes", count));
  typed?.addEventListener("input", () => (yes.disabled = typed.value.trim() !== String(count)));
  const dialog = h(
    "dialog",
    { "aria-labelledby": "confirm-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "confirm-title" }, counted("confirm.ask", count)),
      sentenceOf(plan),
      keptList(plan),
      warningsOf(plan),
      needsApproval(plan),
      firstSessions(plan),
      h("p", { class: "note" }, reason ? say("confirm.reason", { reason }) : say("confirm.no_reason")),
      [say(plan.needs_approval?.length ? "confirm.approved" : "confirm.at_once"), ...notes].map((words) => h("p", { class: "note" }, words)),
      h(
        "div",
        { class: "deciding" },
        typed && h("div", { class: "field" }, h("label", { for: "typed" }, say("confirm.type", { n: String(count) })), typed),
        h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close("") }, say("confirm.keep")), yes),
      ),
    ),
  );
  return (await closed(dialog, signal)) === "yes";
}
