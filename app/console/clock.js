// The service's clock, by the dates of its answers: a device's own may be hours off, and by it nothing is told to have begun.

const NEAR_MS = 5_000; // a date is in whole seconds, and an answer takes its time
let ahead = 0;

/** Hears the date of an answer. */
export function heard(date) {
  const off = Date.parse(date) - Date.now();
  if (Math.abs(off - ahead) > NEAR_MS) ahead = Math.abs(off) > NEAR_MS ? off : 0;
}

/** Milliseconds since 1970, by the service's clock. */
export const now = () => Date.now() + ahead;
