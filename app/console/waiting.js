// Who still waits for money or credits that a machine is at work on: read when it is opened, by name.

import { fill, h } from "./dom.js";
import { get, isPassing, Refused, withQuery } from "./api.js";
import { now } from "./clock.js";
import { clientWords, sumWords } from "./refund_words.js";
import { refundWord } from "./states.js";
import { joined } from "./language.js";
import { counted, say } from "./say/job.js";
import { moment } from "./words.js";

const PAGE = 50;

/** The panel; `update(job, people)` with how the job's people stand, or null. */
export function waitingPanel({ path, business, signal }) {
  const summary = h("summary");
  const rows = h("ul", { class: "told" });
  const more = h("button", { hidden: true }, say("frame.show_more"));
  const element = h("details", { class: "panel", hidden: true }, summary, rows, more);
  let shown = PAGE;
  let job = null;
  let reads = 0;

  async function read() {
    const mine = (reads += 1);
    try {
      const found = [];
      let cursor = null;
      do {
        const page = await get(withQuery(`${path}/outstanding`, { waits_for: "service", limit: PAGE, cursor }), { signal });
        found.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor && found.length < shown);
      if (mine !== reads) return;
      more.hidden = cursor === null;
      fill(rows, found.length ? found.map(rowOf) : h("li", { class: "note" }, say("waiting.about")));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      fill(rows, h("li", { class: "error" }, failed.message));
    }
  }

  function rowOf(refund) {
    const mayChoose = refund.status === "pending" && Date.parse(refund.choose_until) > now(); // false of null
    const next = mayChoose ? say("waiting.choose", { at: moment(refund.choose_until, business.timezone) }) : nextOf(refund);
    return h(
      "li",
      {},
      h("div", {}, clientWords(refund.client), h("div", { class: "soft" }, refund.session.name)),
      h("div", {}, sumWords(refund), h("div", { class: "soft" }, joined([refundWord(refund.status, job.status), next], " · "))),
    );
  }

  const nextOf = ({ attempts, next_attempt_at: at }) => (attempts && at ? say("waiting.next", { at: moment(at, business.timezone) }) : null);

  element.addEventListener("toggle", () => element.open && read());
  more.addEventListener("click", () => {
    shown += PAGE;
    read();
  });
  return {
    element,
    update(seen, people) {
      job = seen;
      const count = people?.under_way ?? 0;
      element.hidden = !count || job.status === "held";
      summary.textContent = counted("waiting.still", count);
      if (element.open && !element.hidden) read();
    },
  };
}
