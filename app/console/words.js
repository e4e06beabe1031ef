// How days, times and money are said. A session's day and hour are the answer's own words: a device's zone rules
// may be older than the service's. Only moments of acts are reckoned here, and say by which offset.

import { now } from "./clock.js";

// Until a page speaks another language; what is no language tag, as some browsers' "en-US@posix", `Intl` would refuse.
let locale = /^en(-[A-Za-z]{2})?$/.test(navigator.language) ? navigator.language : "en-GB";
const DAY_MS = 86_400_000;
const formats = new Map();

function format(kind, options) {
  const name = kind.name + JSON.stringify(options);
  if (!formats.has(name)) formats.set(name, new kind(locale, options));
  return formats.get(name);
}

/** Has all be said as a language tag says it, in digits that mails have too; hours by `h12` or `h23`, or null: as it says. */
export function formatsIn(tag, hourCycle) {
  const next = `${tag}-u-${hourCycle ? `hc-${hourCycle}-` : ""}nu-latn`;
  if (next !== locale) formats.clear();
  locale = next;
}

export const number = (value) => format(Intl.NumberFormat, {}).format(value);

// Decimals where they are not two: ISO 4217's, as the audit has them (app/domain/money.py). `Intl` has custom's: no HUF 0.50.
const DECIMALS = Object.fromEntries(
  [
    [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
    [3, "BHD IQD JOD KWD LYD OMR TND"],
    [4, "CLF UYW"],
  ].flatMap(([places, codes]) => codes.split(" ").map((code) => [code, places])),
);

/** How many decimals amounts of a currency have. */
export const decimals = (currency) => DECIMALS[currency] ?? 2;

const RIGHT_TO_LEFT = "\u200f"; // CLDR's mark

/** An amount in its currency, of so many minor units. */
export function money({ currency, amount_minor: minor }) {
  const places = decimals(currency);
  const shape = { style: "currency", currency, minimumFractionDigits: places, maximumFractionDigits: places };
  const text = format(Intl.NumberFormat, shape).format(minor / 10 ** places);
  // A sign of several letters would be read backwards where words run from right to left.
  return text.includes(RIGHT_TO_LEFT) ? `\u2066${text.replaceAll(RIGHT_TO_LEFT, "")}\u2069` : text;
}

const asDate = (day) => new Date(`${day}T00:00:00Z`);
export const plusDays = (day, count) => new Date(asDate(day).getTime() + count * DAY_MS).toISOString().slice(0, 10);

export const daysBetween = (from, to) => Math.round((asDate(to) - asDate(from)) / DAY_MS);

/** The days of a range, both ends inclusive, as YYYY-MM-DD. */
export const days = (from, to) => Array.from({ length: daysBetween(from, to) + 1 }, (_, place) => plusDays(from, place));

export const dayName = (day, options = { weekday: "long", day: "numeric", month: "long" }) =>
  format(Intl.DateTimeFormat, { ...options, timeZone: "UTC" }).format(asDate(day));

export const rangeName = (from, to) =>
  format(Intl.DateTimeFormat, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).formatRange(
    asDate(from),
    asDate(to),
  );

const CLOCK = { timeStyle: "short", timeZone: "UTC" };
const DAY = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
const asClock = (local) => new Date(`${local}Z`); // what the clocks show, as if in UTC, which has no rules
const inWords = (local, day) => [day, CLOCK].map((shape) => format(Intl.DateTimeFormat, shape).format(asClock(local))).join(locale.startsWith("ar") ? "، " : ", ");

/** From when to when, by the business's clocks. */
export function times({ business_starts_local: from, business_ends_local: to }) {
  const clock = format(Intl.DateTimeFormat, CLOCK);
  const [starts, ends] = [from, to].map(asClock);
  // Beyond midnight a range would name both days; where clocks are put back meanwhile, it would end before it starts.
  const isPlain = from.slice(0, 10) === to.slice(0, 10) && from <= to;
  return isPlain ? clock.formatRange(starts, ends) : `${clock.format(starts)} – ${clock.format(ends)}`;
}

/** The hour of its start, by the business's clocks. */
export const clock = ({ business_starts_local: local }) => format(Intl.DateTimeFormat, CLOCK).format(asClock(local));

/** The day and hour of its start by the business's clocks, with the year. */
export const when = (session) => inWords(session.business_starts_local, { ...DAY, year: "numeric" });

/** The day and hour of a session where it is held, by the clocks there, and where that is. */
export const whenThere = ({ starts_local: local, timezone }) => ({ when: inWords(local, DAY), place: timezone.split("/").pop().replaceAll("_", " ") });

/** A zone that this browser knows: that one, or UTC. */
const known = (zone) => {
  try {
    format(Intl.DateTimeFormat, { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
};

/** When somebody did something: day, hour and offset agree whatever rules the device has. */
export function moment(instant, zone) {
  const timeZone = known(zone);
  const date = new Date(instant);
  const parts = format(Intl.DateTimeFormat, { timeZone, timeZoneName: "shortOffset" }).formatToParts(date);
  const offset = parts.find(({ type }) => type === "timeZoneName").value;
  return `${format(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short", timeZone }).format(date)} ${offset}`;
}

/** Today there, as YYYY-MM-DD. */
export function today(zone) {
  const shape = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: known(zone) };
  const parts = format(Intl.DateTimeFormat, shape).formatToParts(new Date(now()));
  const found = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}`;
}

/** Minutes of the day that have gone by there. */
export function minuteThere(zone) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: known(zone) };
  const parts = Object.fromEntries(format(Intl.DateTimeFormat, shape).formatToParts(new Date(now())).map(({ type, value }) => [type, Number(value)]));
  return parts.hour * 60 + parts.minute;
}

/** A whole hour of the day, as on an axis. */
export const hourName = (hour) => format(Intl.DateTimeFormat, { hour: "numeric", timeZone: "UTC" }).format(new Date(hour * 3_600_000));

/** Minutes and seconds that are left, as a clock that runs down shows them. */
export const timeLeft = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
