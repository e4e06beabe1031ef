"""The public calendar (iCalendar, RFC 5545): each session an event.

A cancelled one is marked so, and there is no personal data. Instants are in UTC: a calendar program
has zone rules of its own, and they may be older than ours.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from app.domain.days import Days
from app.domain.nouns.schedule import BusinessRow, SessionRow
from app.domain.statuses import SessionStatus

MAX_EVENTS: Final = 5_000
_DAYS_BACK: Final = 31
_DAYS_AHEAD: Final = 180
_REFRESH: Final = dt.timedelta(minutes=5)
_CUT: Final = (
    f"Not all: the feed holds at most {MAX_EVENTS:,} classes,"
    " first those that are ahead, then the latest past."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a feed is made of.

    Sessions in start order, whether there were more, and the page where people see them.
    """

    rows: Sequence[SessionRow]
    is_cut: bool
    page: str


def days_around(now: dt.datetime, zone: ZoneInfo) -> Days:
    """The days of a feed that is asked for without dates."""
    today = now.astimezone(zone).date()
    return Days(today - dt.timedelta(days=_DAYS_BACK), today + dt.timedelta(days=_DAYS_AHEAD), zone)


def entity_tag(business: BusinessRow, shown: Shown) -> str:
    """An entity tag (RFC 9110 §8.8.1): the same for the same events at any time.

    To be sent as a weak one.
    """
    text = repr(
        (business.name, business.timezone, shown.page, shown.is_cut, list(map(tuple, shown.rows)))
    )
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def calendar(business: BusinessRow, shown: Shown, *, now: dt.datetime) -> bytes:
    """The feed of these sessions, stamped `now`; its lines end in CRLF.

    CPU-bound: a millisecond for ten events.
    """
    feed = Calendar()
    feed.add("prodid", "-//Bulk Cancel//Schedule//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("name", business.name)  # RFC 7986; the X- ones are what calendars read today
    feed.add("x-wr-calname", business.name)
    feed.add("x-wr-timezone", business.timezone)
    feed.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    feed.add("x-published-ttl", "PT5M")
    if shown.is_cut:
        feed.add("description", _CUT)
        feed.add("x-wr-caldesc", _CUT)
    for row in shown.rows:
        feed.add_component(_event(business, row, shown.page, now))
    text: bytes = feed.to_ical()
    return text


def _event(business: BusinessRow, row: SessionRow, page: str, now: dt.datetime) -> Event:
    cancelled = row.status == SessionStatus.CANCELLED
    event = Event()
    event.add("uid", f"{row.id}@{business.id}")
    # In a published calendar DTSTAMP is when this copy was made (RFC 5545 §3.8.7.2).
    event.add("dtstamp", now)
    event.add("last-modified", row.changed_at or now)
    event.add("sequence", row.revision)
    event.add("dtstart", row.facts.starts_at)
    event.add("dtend", row.facts.ends_at)
    # GNOME Calendar, calcurse, FullCalendar and Thunderbird's list show a class as on, whatever its
    # STATUS says.
    event.add("summary", f"Cancelled: {row.facts.name}" if cancelled else row.facts.name)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    if cancelled:
        event.add("transp", "TRANSPARENT")  # it takes no time any more
    event.add("url", page)
    if row.facts.location is not None:
        event.add("location", row.facts.location)
    if described := _description(row):
        event.add("description", described)
    return event


def _description(row: SessionRow) -> str:
    described = [f"With {row.facts.instructor}."] if row.facts.instructor is not None else []
    if row.status == SessionStatus.CANCELLED:
        had = row.cancellation  # none: by the platform itself
        described.append(
            f"Cancelled: {had.reason}" if had is not None and had.reason else "Cancelled."
        )
    return " ".join(described)
