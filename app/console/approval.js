// Approval of a bulk cancellation that is above the business's limits: what it is above, and, for whoever may, the plan as it
// is now with the buttons that approve or refuse it. What is approved is the plan that is shown, by its digest.

import { announce, fill, h } from "./dom.js";
import { get, isPassing, post, Refused } from "./api.js";
import { exceededWords, sinceAsked } from "./approval_words.js";
import { learned } from "./language.js";
import { counted, say } from "./say/job.js";
import { moment } from "./words.js";

/** The panel of a job that awaits an approval; `acted(job)` is given the job as it stands after a decision. */
export function approvalPanel({ path, business, signal, acted }) {
  const may = (scope) => business.key.scopes.includes(scope);
  const limits = h("ul", {});
  const until = h("p", { class: "note" });
  const planned = h("div", {});
  const trouble = h("div", { class: "error", role: "alert" });
  const note = h("textarea", { id: "approval-note", rows: 2, maxlength: 500 });
  const look = h("button", { hidden: !may("cancellations:approve") }, say("approval.look"));
  const approve = h("button", { class: "danger" });
  const refuse = h("button", {}, say("approval.refuse"));
  const withdraw = h("button", { class: "plain", hidden: !may("cancellations:write") }, say("approval.withdraw"));
  const deciding = h("div", { hidden: true }, planned, h("div", { class: "field" }, h("label", { for: "approval-note" }, say("approval.note")), note), h("div", { class: "deciding" }, refuse, approve));
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "approval-title", hidden: true },
    h("h2", { id: "approval-title" }, say("approval.title")),
    h("p", {}, say("approval.about")),
    limits,
    until,
    look,
    deciding,
    trouble,
    withdraw,
  );
  let plan = null;

  async function trying(work) {
    fill(trouble);
    const buttons = [look, approve, refuse, withdraw];
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refused || isPassing(error))) throw error;
      const { whyNot } = await import("./press.js");
      await learned();
      fill(trouble, error instanceof Refused ? whyNot(error) : error.message);
      if (error.slug === "plan-changed") await read();
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  async function read() {
    plan = await get(`${path}/plan`, { signal });
    const { figures, sentenceOf, warningsOf } = await import("./plan_figures.js"); // only where it is wanted
    await learned();
    const changes = sinceAsked(plan);
    fill(planned, sentenceOf(plan), changes && h("p", { class: "note warning" }, changes), warningsOf(plan), ...figures(plan));
    approve.textContent = counted("approval.approve", plan.totals.sessions);
    deciding.hidden = false;
    look.textContent = say("approval.again");
    announce(say("approval.now"));
  }

  const said = () => note.value.trim();
  look.addEventListener("click", () => trying(read));
  approve.addEventListener("click", () =>
    trying(async () => acted(await post(`${path}/approve`, { plan_digest: plan.digest, ...(said() && { note: said() }) }, { signal }))),
  );
  refuse.addEventListener("click", () => {
    if (said()) {
      trying(async () => acted(await post(`${path}/refuse`, { note: said() }, { signal })));
      return;
    }
    fill(trouble, say("approval.say_why"));
    note.focus();
  });
  withdraw.addEventListener("click", () => trying(async () => acted(await post(`${path}/withdraw`, undefined, { signal }))));
  return {
    element,
    update(job) {
      element.hidden = job.status !== "awaiting_approval";
      if (element.hidden) return;
      fill(limits, job.needs_approval.map((one) => h("li", {}, exceededWords(one))));
      until.textContent = say("approval.until", { at: moment(job.approval.expires_at, business.timezone) });
    },
  };
}
