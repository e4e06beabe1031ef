// Keeps a view as things are: looks again every so often while the tab is seen, and at once when a tab of ours has changed
// something. It asks anew each time and holds no stream: a browser opens six connections to a service that speaks HTTP/1.1,
// all tabs together, and what a person does must not wait behind tabs that watch.

import { isPassing, sleep } from "./api.js";
import { ours } from "./root.js";

const CHANNEL = ours("bulk-cancel");
const PATIENCE_MS = 20_000;
const RESTS_TIMES = 9; // a view takes a tenth of one connection's time at most
const MOST_REST_MS = 60_000;

/** Tells every tab of this browser, this one too, that sessions or jobs have changed. */
export function changed() {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("changed");
  channel.close();
}

/**
 * Runs `look(options)`, whose calls are to be made with those options, every `seconds()` until `signal`; `reached(boolean)`
 * says whether the service was. A look ends when the tab is hidden; what took long rests longer.
 */
export async function keepLooking(look, { seconds, signal, reached }) {
  if (signal.aborted) return;
  const channel = new BroadcastChannel(CHANNEL);
  let waking = new AbortController();
  let hiding = new AbortController();
  let rests = 0;
  const hurry = () => waking.abort();
  channel.onmessage = hurry;
  document.addEventListener("visibilitychange", () => (document.hidden ? hiding.abort() : hurry()), { signal });
  signal.addEventListener("abort", () => channel.close(), { once: true });
  while (!signal.aborted) {
    await sleep(Math.max(seconds() * 1_000, rests), AbortSignal.any([signal, waking.signal]));
    waking = new AbortController(); // what is heard while it looks makes it look once more
    if (signal.aborted) return;
    if (document.hidden) continue;
    hiding = new AbortController();
    const began = performance.now();
    rests = 0;
    try {
      await look({ signal: AbortSignal.any([signal, hiding.signal]), patience: PATIENCE_MS });
      rests = Math.min(RESTS_TIMES * (performance.now() - began), MOST_REST_MS);
      reached?.(true);
    } catch (error) {
      if (signal.aborted) return;
      if (hiding.signal.aborted) continue;
      if (!isPassing(error)) throw error;
      reached?.(false);
    }
  }
}
