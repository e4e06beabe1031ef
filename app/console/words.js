// How days, times, money and states are said. Dates are the business's own; instants are shown in a zone that is given.

// The page's words are English; what is no language tag, as some browsers' "en-US@posix", `Intl` would refuse.
const LOCALE = /^en(-[A-Za-z]{2})?$/.test(navigator.language) ? navigator.language : "en-GB";
const DAY_MS = 86_400_000;
const formats = new Map();

function format(kind, options) {
  const name = kind.name + JSON.stringify(options);
  if (!formats.has(name)) formats.set(name, new kind(LOCALE, options));
  return formats.get(name);
}

export const number = (value) => format(Intl.NumberFormat, {}).format(value);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

// Decimals where they are not two: ISO 4217's, as the audit has them (app/db/money.py). `Intl` has custom's: no HUF 0.50.
const DECIMALS = Object.fromEntries(
  [
    [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
    [3, "BHD IQD JOD KWD LYD OMR TND"],
    [4, "CLF UYW"],
  ].flatMap(([places, codes]) => codes.split(" ").map((code) => [code, places])),
);

/** An amount in its currency, of so many minor units. */
export function money({ currency, amount_minor: minor }) {
  const places = DECIMALS[currency] ?? 2;
  const shape = { style: "currency", currency, minimumFractionDigits: places, maximumFractionDigits: places };
  return format(Intl.NumberFormat, shape).format(minor / 10 ** places);
}

/** Sums in all currencies and in credits; null when there are none. */
export function returned({ amounts, credits }) {
  const parts = amounts.filter((one) => one.amount_minor).map(money);
  if (credits) parts.push(plural(credits, "credit"));
  return parts.length ? parts.join(" + ") : null;
}

const asDate = (day) => new Date(`${day}T00:00:00Z`);
export const plusDays = (day, count) => new Date(asDate(day).getTime() + count * DAY_MS).toISOString().slice(0, 10);

/** The days of a range, both ends inclusive, as YYYY-MM-DD. */
export function days(from, to) {
  const count = Math.round((asDate(to) - asDate(from)) / DAY_MS) + 1;
  return Array.from({ length: count }, (_, place) => plusDays(from, place));
}

export const dayName = (day, options = { weekday: "long", day: "numeric", month: "long" }) =>
  format(Intl.DateTimeFormat, { ...options, timeZone: "UTC" }).format(asDate(day));

export const rangeName = (from, to) =>
  format(Intl.DateTimeFormat, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).formatRange(
    asDate(from),
    asDate(to),
  );

/** From when to when, by the session's own clock, which is named where it is not that of `zone`. */
export function times(session, zone) {
  const shape = { hour: "numeric", minute: "2-digit", timeZone: session.timezone };
  if (session.timezone !== zone) shape.timeZoneName = "short";
  return format(Intl.DateTimeFormat, shape).formatRange(new Date(session.starts_at), new Date(session.ends_at));
}

export const moment = (instant, zone) =>
  format(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(instant));

/** The local day of an instant, as YYYY-MM-DD. */
export function dayOf(instant, zone) {
  const parts = format(Intl.DateTimeFormat, { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone });
  const found = Object.fromEntries(parts.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}`;
}

/** About how long, in words. */
export function duration(seconds) {
  if (seconds < 60) return plural(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5_400) return plural(Math.round(seconds / 60), "minute");
  return plural(Math.round(seconds / 3_600), "hour");
}

export const JOB_STATUS = {
  held: "On hold",
  queued: "Queued",
  running: "In process",
  completed: "Completed",
  completed_with_failures: "Completed with failures",
  withdrawn: "Withdrawn",
};

export const REFUND_STATUS = {
  pending: "Waiting",
  submitted: "Sent",
  succeeded: "Returned",
  rejected: "Rejected",
  indeterminate: "Unknown",
  processing: "Accepted, not final",
  skipped: "Nothing to return",
  resolved: "Resolved by hand",
};
