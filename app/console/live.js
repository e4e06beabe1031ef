// Keeps a view as things are: looks again every so often while the tab is seen, and at once when another tab of ours has
// changed something.

import { isPassing, sleep } from "./api.js";

const CHANNEL = "bulk-cancel";

/** Tells this browser's other tabs that sessions or jobs have changed. */
export function changed() {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("changed");
  channel.close();
}

/** Runs `look` every `seconds`, until `signal`; `reached(boolean)` says whether the service was. */
export async function keepLooking(look, { seconds, signal, reached }) {
  if (signal.aborted) return;
  const channel = new BroadcastChannel(CHANNEL);
  let waking = new AbortController();
  const hurry = () => waking.abort();
  channel.onmessage = hurry;
  document.addEventListener("visibilitychange", hurry, { signal });
  signal.addEventListener("abort", () => channel.close(), { once: true });
  while (!signal.aborted) {
    await sleep(seconds * 1_000, AbortSignal.any([signal, waking.signal]));
    waking = new AbortController(); // what is heard while it looks makes it look once more
    if (signal.aborted) return;
    if (document.hidden) continue;
    try {
      await look();
      reached?.(true);
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      reached?.(false);
    }
  }
}
