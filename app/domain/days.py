"""Local days as ranges of instants, across changes of the clocks, and instants as text.

Pure: now and the zone are parameters. A day is the half-open range from its first instant to the
first instant of the next: 23, 24 or 25 hours.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.domain.zones import zone_named, zone_of
from app.errors import FieldError, Invalid, Problem

MAX_DAYS: Final = 366
_DAY: Final = len("2026-12-06")
_HOUR: Final = len("2026-12-06T23:15:00")
_WEEK: Final = 7
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100


@dataclass(frozen=True, slots=True)
class Days:
    """Calendar days of one zone, both ends inclusive."""

    date_from: dt.date
    date_to: dt.date
    zone: ZoneInfo

    @property
    def from_at(self) -> dt.datetime:
        """The first instant of the first day, in UTC."""
        return first_instant(self.date_from, self.zone)

    @property
    def until_at(self) -> dt.datetime:
        """The first instant after the last day, in UTC."""
        return first_instant(self.date_to + dt.timedelta(days=1), self.zone)


def business_zone(name: str) -> ZoneInfo:
    """The zone that a business's days are counted in.

    Raises:
        Problem: 409 `business-time-zone-unknown`: its row holds a name that is none here; counting
            its days in another zone could take the wrong classes.
    """
    zone = zone_named(name)
    if zone is None:
        detail = (
            "The time zone of this business is not one that this service knows."
            " Its operator must mend it."
        )
        raise Problem(
            409, "business-time-zone-unknown", "The business has no known time zone", detail
        )
    return zone


class SessionTimes(NamedTuple):
    """A session's hours on the wall: in its own zone, and in the business's.

    The session is listed under the business's days. Dates are `YYYY-MM-DD`, hours
    `YYYY-MM-DDTHH:MM:SS` without an offset. `utc_offset` (`-08:00`) is the one at the start; where
    the clocks go back meanwhile, `ends_local` may be before `starts_local`.
    """

    timezone: str  # of the local hours: the business's where the session's own is unknown here
    timezone_known: bool
    local_date: str
    starts_local: str
    ends_local: str
    utc_offset: str
    business_date: str
    business_starts_local: str
    business_ends_local: str


# Lists are asked for again and again, and this is the dearest part of a line of theirs.
@lru_cache(maxsize=4096)
def session_times(
    starts_at: dt.datetime, ends_at: dt.datetime, timezone: str, business_timezone: str
) -> SessionTimes:
    """What the clocks show at a session's start and end.

    They go by the zone rules of this process.
    """
    business = zone_of(business_timezone)
    zone = zone_of(timezone, business)
    starts, ends = (
        instant.astimezone(zone).isoformat(timespec="seconds") for instant in (starts_at, ends_at)
    )
    local = (starts[:_DAY], starts[:_HOUR], ends[:_HOUR])
    if zone is business:
        return SessionTimes(zone.key, timezone == zone.key, *local, starts[_HOUR:], *local)
    in_business = (
        instant.astimezone(business).isoformat(timespec="seconds")
        for instant in (starts_at, ends_at)
    )
    business_starts, business_ends = in_business
    return SessionTimes(
        zone.key,
        timezone == zone.key,
        *local,
        starts[_HOUR:],
        business_starts[:_DAY],
        business_starts[:_HOUR],
        business_ends[:_HOUR],
    )


def first_instant(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first instant of `day` in `zone`, in UTC.

    Where the clocks skip midnight the day begins at the change; where they show it twice, at the
    first of the two: both are what `fold=0` means (PEP 495).
    """
    return dt.datetime.combine(day, dt.time(0), zone).astimezone(dt.UTC)


def instant_text(value: dt.datetime) -> str:
    """`value` as SQLite keeps it and the API prints it: UTC, milliseconds, `Z`."""
    if value.tzinfo is not dt.UTC:  # as PostgreSQL's driver gives it, hundreds in a list
        value = value.astimezone(dt.UTC)
    return value.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def week_of(instant: dt.datetime, zone: ZoneInfo) -> Days:
    """Monday to Sunday around `instant`, as the calendar of `zone` has it."""
    today = instant.astimezone(zone).date()
    monday = today - dt.timedelta(days=today.weekday())
    return Days(monday, monday + dt.timedelta(days=_WEEK - 1), zone)


def chosen_days(
    date_from: str | None, date_to: str | None, zone: ZoneInfo, *, default: Days
) -> Days:
    """The days that a query asks for.

    Seven from or to the one date given, `default` when none is.

    Raises:
        Invalid: a date is no `YYYY-MM-DD` of the years 2000 to 2100, the range is reversed or
            longer than 366 days.
    """
    if date_from is None and date_to is None:
        return default
    errors: list[FieldError] = []
    first = _read_date("?date_from", date_from, errors)
    last = _read_date("?date_to", date_to, errors)
    if errors:
        raise Invalid(errors)
    if first is None:
        assert last is not None
        return Days(last - dt.timedelta(days=_WEEK - 1), last, zone)
    if last is None:
        return Days(first, first + dt.timedelta(days=_WEEK - 1), zone)
    if last < first:
        raise Invalid([FieldError("?date_to", "range-reversed", "date_to is before date_from.")])
    if (last - first).days >= MAX_DAYS:
        raise Invalid(
            [FieldError("?date_to", "range-too-long", f"The range is longer than {MAX_DAYS} days.")]
        )
    return Days(first, last, zone)


def days_asked(
    timezone: str,
    date_from: str | None,
    date_to: str | None,
    *,
    now: dt.datetime,
    default: Callable[[dt.datetime, ZoneInfo], Days] = week_of,
) -> Days:
    """The days that a query asks for in a business's zone.

    With no date they are `default` around `now`.

    Raises:
        Invalid: see `chosen_days`.
        Problem: see `business_zone`.
    """
    zone = business_zone(timezone)
    return chosen_days(date_from, date_to, zone, default=default(now, zone))


def _read_date(pointer: str, text: str | None, errors: list[FieldError]) -> dt.date | None:
    if text is None:
        return None
    # Python alone would also take 20260105 and 2026-W02-1.
    if _DATE.fullmatch(text):
        try:
            day = dt.date.fromisoformat(text)
        except ValueError:
            pass
        else:
            if _FIRST_YEAR <= day.year <= _LAST_YEAR:
                return day
    errors.append(
        FieldError(
            pointer,
            "date",
            f"Must be a date as YYYY-MM-DD, of the years {_FIRST_YEAR} to {_LAST_YEAR}.",
        )
    )
    return None
