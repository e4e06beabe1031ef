// What this tab has pressed, for as long as it is on hold and can be undone.

import { now } from "./clock.js";
import { ours } from "./root.js";

const HELD = ours("bulk-cancel-held"); // {business, id, until, sessions} of the press that can be undone

export const forget = () => sessionStorage.removeItem(HELD);

/** Remembers a job that this tab has pressed, for as long as it is on hold; forgets it once it is not. */
export function remember(business, job) {
  if (job.status === "held") {
    const held = { business: business.id, id: job.id, until: Date.parse(job.hold_until), sessions: job.session_counts.accepted };
    sessionStorage.setItem(HELD, JSON.stringify(held));
  } else if (heldOf(business)?.id === job.id) {
    forget();
  }
}

/** The press that can be undone still; null where there is none. */
export function heldOf(business) {
  const held = JSON.parse(sessionStorage.getItem(HELD));
  return held?.business === business.id && held.until > now() ? held : null;
}
