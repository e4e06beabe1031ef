// While what this tab has pressed waits to be returned, every page says for how long still, and undoes it.

import { announce, fill, h } from "./dom.js";
import { isPassing, post, Refused } from "./api.js";
import { now } from "./clock.js";
import { forget } from "./held.js";
import { changed } from "./live.js";
import { here } from "./root.js";
import { counted, parts, say } from "./say/frame.js";
import { timeLeft } from "./words.js";

const strip = h("aside", { class: "undo", hidden: true });

/** Shows above the page the press that can be undone still, but on the page of that job, which says so itself; until `signal`. */
export function showUndo(held, signal) {
  strip.hidden = here() === `/jobs/${held.id}`;
  if (strip.hidden) return;
  strip.setAttribute("aria-label", say("undo.title"));
  const left = h("strong", {});
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", {}, say("undo.title"));
  const over = (words) => {
    clearInterval(timer);
    forget();
    fill(strip, h("p", {}, words));
    announce(words);
  };
  const tick = () => {
    const seconds = Math.ceil((held.until - now()) / 1_000);
    if (seconds <= 0) over(counted("undo.over", held.sessions));
    else left.textContent = timeLeft(seconds);
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      await post(`/bulk-cancellations/${held.id}/withdraw`, undefined);
      over(counted("undo.undone", held.sessions));
      changed();
    } catch (refused) {
      if (!(refused instanceof Refused || isPassing(refused))) throw refused;
      error.textContent = refused.message;
      button.disabled = false;
    }
  });
  const words = h("p", {}, parts("undo.left", { left }, held.sessions));
  fill(strip, words, button, h("a", { href: `/jobs/${held.id}` }, say("undo.see_job")), error);
  document.getElementById("main").before(strip);
  const timer = setInterval(tick, 1_000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  tick();
}
