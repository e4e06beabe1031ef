#!/usr/bin/env bash
# rrule 2.8.1 (on a machine set to UTC, which it counts on), rrule-rust 3.1.1 and rrule-temporal 2.2.8, on Node 20; seen 2026-11-29.
#
# A schedule of rules is made into sessions before it is fed. A class that would begin in the hour which a zone leaves out begins
# an hour later by the clock (RFC 5545, section 3.3.5: the offset before the gap). One would guess that the libraries for such rules
# do that, or one thing at least. rrule does in Toronto, and puts Cairo's class on the evening before, a day that nobody cancels
# with it; rrule-rust does in Toronto, and leaves Cairo's out; rrule-temporal leaves both out. Those that leave one out add one
# at the end, if the rule has a COUNT: a class on a day that has none.
#
# Output seen (three classes, by the clock of their zone; by the standard the second is at 03:30 and at 01:30):
SEEN='America/Toronto, 02:30 from March 7
  rrule: 7 02:30, 8 03:30, 9 02:30
  rrule-rust: 7 02:30, 8 03:30, 9 02:30
  rrule-temporal: 7 02:30, 9 02:30, 10 02:30
Africa/Cairo, 00:30 from April 23
  rrule: 23 00:30, 23 23:30, 25 00:30
  rrule-rust: 23 00:30, 25 00:30, 26 00:30
  rrule-temporal: 23 00:30, 25 00:30, 26 00:30'
# What we do: a session is fed with its instant, never a rule; its day is the business's own (docs/zones.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts rrule@2.8.1 rrule-rust@3.1.1 rrule-temporal@2.2.8
cat >expand.mjs <<'END_OF_EXPAND'
import rrule from "rrule";
import { RRuleSet } from "rrule-rust";
import { RRuleTemporal } from "rrule-temporal";

const instants = {
  rrule: (rule) => rrule.rrulestr(rule).all().map(Number),
  "rrule-rust": (rule) => RRuleSet.fromString(rule).all().map((one) => one.toTimestamp()),
  "rrule-temporal": (rule) => new RRuleTemporal({ rruleString: rule }).all().map((one) => one.epochMilliseconds),
};
for (const [title, zone, start] of [
  ["02:30 from March 7", "America/Toronto", "20260307T023000"],
  ["00:30 from April 23", "Africa/Cairo", "20260423T003000"],
]) {
  console.log(`${zone}, ${title}`);
  const clock = new Intl.DateTimeFormat("en-CA", { timeZone: zone, day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  for (const [name, expand] of Object.entries(instants)) {
    const seen = expand(`DTSTART;TZID=${zone}:${start}\nRRULE:FREQ=DAILY;COUNT=3`).map((instant) => {
      const { day, hour, minute } = Object.fromEntries(clock.formatToParts(instant).map((part) => [part.type, part.value]));
      return `${day} ${hour}:${minute}`;
    });
    console.log(`  ${name}: ${seen.join(", ")}`);
  }
}
END_OF_EXPAND
TZ=UTC node expand.mjs | tee seen
diff seen <(echo "$SEEN")
