// Who did what to a bulk cancellation: its steps, and the refunds that people have closed by hand, each of which may be corrected.

import { fill, h } from "./dom.js";
import { get, isPassing, Refused, withQuery } from "./api.js";
import { stepsOf } from "./job_words.js";
import { actorWords, clientWords, resolutionWords, sumWords } from "./refund_words.js";
import { resolveDialog } from "./resolve.js";
import { counted, say } from "./say/job.js";
import { moment } from "./words.js";

const PAGE = 25;

/** The panel; `acted(job)` is given the job as it stands after a correction. */
export function actsPanel({ path, business, signal, acted }) {
  const steps = h("ol", { class: "steps" });
  const summary = h("summary");
  const rows = h("ul", { class: "told" });
  const more = h("button", { hidden: true }, say("frame.show_more"));
  const closed = h("details", { hidden: true }, summary, rows, more);
  const element = h("section", { class: "panel", "aria-labelledby": "acts-title" }, h("h2", { id: "acts-title" }, say("acts.title")), steps, closed);
  let shown = PAGE;
  let count = 0;
  let reads = 0;

  async function read() {
    const mine = (reads += 1);
    try {
      const { data, next_cursor: cursor } = await get(withQuery(`${path}/refunds`, { status: "resolved", limit: shown }), { signal });
      const details = await Promise.all(data.map(({ id }) => get(`${path}/refunds/${id}`, { signal })));
      if (mine !== reads) return;
      more.hidden = cursor === null || shown === 200;
      fill(rows, details.map(rowOf));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      fill(rows, h("li", { class: "error" }, failed.message));
    }
  }

  function rowOf(refund) {
    const { actor, recorded_at: at } = refund.history.at(-1);
    const what = say("needs.to", { what: sumWords(refund), who: clientWords(refund.client) });
    const correct = h("button", { "aria-label": say("acts.correct_of", { what }) }, say("acts.correct"));
    correct.addEventListener("click", async () => {
      if (await resolveDialog([refund], { path, signal })) acted(await get(path, { signal }));
      if (!signal.aborted) await read();
    });
    return h(
      "li",
      { "data-resolved": refund.id },
      h("div", {}, what, h("div", { class: "soft" }, refund.session.name)),
      h("div", {}, resolutionWords(refund), h("div", { class: "soft" }, `${moment(at, business.timezone)} ${actorWords(actor)}`)),
      business.key.scopes.includes("cancellations:write") && h("div", { class: "acts" }, correct),
    );
  }

  closed.addEventListener("toggle", () => closed.open && read());
  more.addEventListener("click", () => {
    shown = Math.min(4 * shown, 200);
    read();
  });
  return {
    element,
    update(job) {
      fill(steps, stepsOf(job).map(([at, words]) => h("li", {}, h("span", { class: "soft" }, `${moment(at, business.timezone)} `), words)));
      const isOther = count !== job.refunds.resolved.count;
      count = job.refunds.resolved.count;
      closed.hidden = !count;
      summary.textContent = counted("acts.count", count);
      if (isOther && closed.open) read();
    },
  };
}
