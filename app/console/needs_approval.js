// Whether a plan needs somebody else's approval, said before a press.

import { exceededWords } from "./approval_words.js";
import { h } from "./dom.js";
import { say } from "./say/plan.js";

/** What a plan is above, before a press; null where nobody need approve it. */
export function needsApproval(plan) {
  if (!plan.needs_approval?.length) return null;
  const limits = plan.needs_approval.map((one) => h("li", {}, exceededWords(one)));
  return h("div", { class: "note warning needs-approval" }, h("p", {}, say("plan.approval")), h("ul", {}, limits));
}
