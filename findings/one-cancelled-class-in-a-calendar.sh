#!/usr/bin/env bash
# ical 14.3.1, beside icalevents 0.3.1 and recurring-ical-events 3.8.2 (icalendar 7.3.2), on Python 3.11; seen 2026-11-29.
#
# A class on four days in a row, the second cancelled: RFC 5545 writes a rule and, with the same UID, an event whose
# RECURRENCE-ID names that day and whose STATUS is CANCELLED. One would guess that a reader which expands rules shows the day
# once. With times in UTC, `ical` shows the cancelled class and, beside it, the same class as if it took place; a class that
# was moved is then there at both times. With TZID it shows it once: the ids that it compares have lost their zone, and the Z
# of UTC stays in the one that was read.
#
# Output seen (x: cancelled):
SEEN='ical, UTC: 1 2 2x 3 4
ical, TZID: 1 2x 3 4
icalevents, UTC: 1 2x 3 4
icalevents, TZID: 1 2x 3 4
recurring-ical-events, UTC: 1 2x 3 4
recurring-ical-events, TZID: 1 2x 3 4'
# What we do: every session of the feed is an event of its own, in UTC and without a rule (app/schedule/feed.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv readers
readers/bin/pip -q install ical==14.3.1 icalevents==0.3.1 recurring-ical-events==3.8.2 icalendar==7.3.2 2>pip.log
cat >read.py <<'END_OF_READ'
import datetime as dt
import pathlib

import icalendar
import recurring_ical_events
from ical.calendar_stream import IcsCalendarStream
from icalevents.icalevents import events

WEEK = dt.datetime(2026, 6, 1, tzinfo=dt.UTC), dt.datetime(2026, 6, 8, tzinfo=dt.UTC)


def classes(zone):
    def time(name, text):
        return f"{name}:{text}Z" if zone == "UTC" else f"{name};TZID=America/Toronto:{text}"

    def event(day, *more):
        head = "BEGIN:VEVENT", "UID:yoga@studio.example", "DTSTAMP:20260501T000000Z", "SUMMARY:Yoga"
        hours = time("DTSTART", f"2026060{day}T170000"), time("DTEND", f"2026060{day}T180000")
        return *head, *hours, *more, "END:VEVENT"

    cancelled = time("RECURRENCE-ID", "20260602T170000"), "STATUS:CANCELLED", "SEQUENCE:1"
    head = "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Studio//Classes//EN"
    lines = *head, *event(1, "RRULE:FREQ=DAILY;COUNT=4"), *event(2, *cancelled), "END:VCALENDAR"
    return "\r\n".join(lines) + "\r\n"


def with_ical(text):
    return [(e.dtstart.day, bool(e.status)) for e in IcsCalendarStream.calendar_from_ics(text).timeline]


def with_icalevents(text):
    pathlib.Path("week.ics").write_bytes(text.encode())
    return [(e.start.day, e.status == "CANCELLED") for e in events(file="week.ics", start=WEEK[0], end=WEEK[1])]


def with_recurring(text):
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(*WEEK)
    return [(e["DTSTART"].dt.day, e.get("STATUS") == "CANCELLED") for e in found]


readers = {"ical": with_ical, "icalevents": with_icalevents, "recurring-ical-events": with_recurring}
for name, days in readers.items():
    for zone in ("UTC", "TZID"):
        shown = (f"{day}{'x' * cancelled}" for day, cancelled in sorted(days(classes(zone))))
        print(f"{name}, {zone}:", *shown)
END_OF_READ
readers/bin/python read.py | tee seen
diff seen <(echo "$SEEN")
