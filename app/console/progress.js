// How far a bulk cancellation has come: a bar, words, and about how long still.

import { h } from "./dom.js";
import { duration } from "./job_words.js";
import { joined } from "./language.js";
import { returned } from "./said.js";
import { counted, say } from "./say/job.js";
import { JOB, jobWord } from "./states.js";
import { number } from "./words.js";

const RATE_OVER_MS = 30_000;

/** How far it has come: a bar, words, and what else is to be had of it. */
export function progressPanel(more) {
  const status = h("span", { class: "badge" });
  const bar = h("progress", { "aria-labelledby": "progress-words" });
  const words = h("p", { id: "progress-words" });
  const pace = rate();
  const title = h("h2", { id: "progress-title" }, say("progress.title"), " ", status);
  return {
    element: h("section", { class: "panel", "aria-labelledby": "progress-title" }, title, bar, words, more),
    update(job) {
      const total = job.totals.refunds + job.totals.nothing_to_return + job.totals.goodwill.grants;
      const { succeeded, rejected, skipped, resolved } = job.refunds;
      const ended = succeeded.count + skipped.count + resolved.count;
      const done = JOB[job.status].isOpen ? ended + rejected.count : ended; // what needs a person is not done
      const { badge, isOpen } = JOB[job.status];
      status.textContent = jobWord(job.status);
      status.className = `badge ${badge}`;
      bar.max = Math.max(total, 1);
      bar.value = isOpen ? done : Math.max(total, 1);
      bar.hidden = !isOpen;
      words.textContent = progressWords(job, done, total, pace(done, total));
    },
  };
}

function progressWords(job, done, total, secondsLeft) {
  if (job.status === "withdrawn") return say("progress.undone");
  if (job.status === "refused") return say("progress.refused");
  if (job.status === "awaiting_approval") return say("progress.not_begun");
  const parts = [counted("progress.done", total, { done: number(done) })];
  const back = returned(job.refunds.succeeded);
  if (JOB[job.status].isOpen) parts.push(back ? say("progress.back", { sum: back }) : say("progress.nothing_back"));
  if (job.status === "running" && secondsLeft !== null) parts.push(say("progress.left", { time: duration(secondsLeft) }));
  return joined(parts, " · ");
}

/** Seconds that are left, by the pace of late; null while there is none. */
function rate() {
  const seen = [];
  return (done, total) => {
    const at = performance.now();
    seen.push([at, done]);
    while (seen.length > 2 && at - seen[0][0] > RATE_OVER_MS) seen.shift();
    const [since, before] = seen[0];
    return done > before && at > since ? ((total - done) * (at - since)) / (done - before) / 1_000 : null;
  };
}
