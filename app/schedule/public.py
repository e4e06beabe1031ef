"""Reads what anybody may see of a schedule: a page, or a feed.

The days are counted in the business's zone, which is read with them.
"""

import datetime as dt
from dataclasses import replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.db.access import businesses
from app.db.core.driver import Connection
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import of_businesses
from app.db.schedule import public_pages, session_pages
from app.domain.days import Days, days_asked, first_instant
from app.domain.messages.settings import Sender
from app.domain.nouns.pages import PageSettings
from app.domain.nouns.schedule import BusinessRow, SessionFilter, SessionRow
from app.schedule import ical


class BusinessSchedule(NamedTuple):
    """The first of a business's sessions in a range of its days, in start order."""

    business: BusinessRow
    days: Days
    rows: list[SessionRow]
    is_cut: bool  # there are more


class PublicSchedule(NamedTuple):
    """What anybody sees: a schedule, whose page it is on, and the jobs that return all.

    And how the business writes to its clients: in that language the page speaks.
    """

    found: BusinessSchedule
    page: PageSettings
    returning_all: frozenset[str]
    sender: Sender


class DaysAsked(NamedTuple):
    """A range of days as it was asked for, and when."""

    date_from: str | None
    date_to: str | None
    now: dt.datetime


async def page(
    db: Database,
    business_id: str,
    asked: DaysAsked,
    *,
    after: tuple[dt.datetime, str] | None,
    limit: int,
) -> PublicSchedule:
    """The first `limit` sessions, or those from the one after the key `after`.

    Raises:
        NotFound: there is no such business.
        Suspended: it is out of service.
        Invalid, Problem: see `days_asked`.
    """
    with of_business(business_id):
        async with db.single() as conn:
            business = await businesses.in_service(conn, business_id)
            days = days_asked(business.timezone, asked.date_from, asked.date_to, now=asked.now)
            chosen = SessionFilter(days.from_at, days.until_at)
            rows = await session_pages.page(conn, business_id, chosen, after=after, limit=limit + 1)
            shown = rows[:limit]
            of_page = await public_pages.settings(conn, business_id)
            cancelled_by = {
                row.cancellation.job_id for row in shown if row.cancellation is not None
            }
            returning_all = await public_pages.jobs_that_return_all(conn, cancelled_by)
            sender = Sender.of(await of_businesses.settings(conn, business_id) or {})
    found = BusinessSchedule(business, days, shown, len(rows) > limit)
    return PublicSchedule(found, of_page, returning_all, sender)


async def feed_sessions(db: Database, business_id: str, asked: DaysAsked) -> BusinessSchedule:
    """What a calendar feed holds: what is ahead, then the latest past.

    With no dates, those of `ical.days_around`.

    Raises:
        NotFound: there is no such business.
        Suspended: it is out of service.
        Invalid, Problem: see `days_asked`.
    """
    with of_business(business_id):
        async with db.read() as conn:
            business = await businesses.in_service(conn, business_id)
            days = days_asked(
                business.timezone,
                asked.date_from,
                asked.date_to,
                now=asked.now,
                default=ical.days_around,
            )
            chosen = SessionFilter(days.from_at, days.until_at)
            today = _today(asked.now, days.zone)
            rows, is_cut = await _nearest(conn, business_id, chosen, today, at_most=ical.MAX_EVENTS)
    return BusinessSchedule(business, days, rows, is_cut)


def _today(now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return first_instant(now.astimezone(zone).date(), zone)


async def _nearest(
    conn: Connection, business_id: str, chosen: SessionFilter, from_at: dt.datetime, *, at_most: int
) -> tuple[list[SessionRow], bool]:
    """Up to `at_most` chosen sessions in start order, and whether there are more.

    First those that start at `from_at` or later, the soonest first, then those before, the latest
    first.
    """
    ahead = await session_pages.page(
        conn, business_id, replace(chosen, from_at=max(chosen.from_at, from_at)), limit=at_most + 1
    )
    if len(ahead) > at_most:
        return ahead[:at_most], True
    room = at_most - len(ahead)
    before = replace(chosen, until_at=min(chosen.until_at, from_at))
    past = await session_pages.latest(conn, business_id, before, limit=room + 1)
    return past[:room][::-1] + ahead, len(past) > room
