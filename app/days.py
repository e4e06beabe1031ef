"""Local days of a business as ranges of instants, across changes of the clocks. Pure: now and the zone are parameters.

A day is the half-open range from its first instant to the first instant of the next: 23, 24 or 25 hours.
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from app.errors import FieldError, Invalid

MAX_DAYS: Final = 366
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


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA zone of this name, spelt exactly; None when there is none."""
    return ZoneInfo(name) if name in _zone_names() else None


def first_instant(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first instant of `day` in `zone`, in UTC.

    Where the clocks skip midnight the day begins at the change; where they show it twice, at the first of the two:
    both are what `fold=0` means (PEP 495).
    """
    return dt.datetime.combine(day, dt.time(0), zone).astimezone(dt.UTC)


def week_of(instant: dt.datetime, zone: ZoneInfo) -> Days:
    """Monday to Sunday around `instant`, as the calendar of `zone` has it."""
    today = instant.astimezone(zone).date()
    monday = today - dt.timedelta(days=today.weekday())
    return Days(monday, monday + dt.timedelta(days=_WEEK - 1), zone)


def chosen_days(date_from: str | None, date_to: str | None, zone: ZoneInfo, *, default: Days) -> Days:
    """The days a query asks for: seven from or to the one date given, `default` when none is.

    Raises:
        Invalid: a date is no `YYYY-MM-DD` of the years 2000 to 2100, the range is reversed or longer than 366 days.
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
        raise Invalid([FieldError("?date_to", "range_reversed", "date_to is before date_from.")])
    if (last - first).days >= MAX_DAYS:
        raise Invalid([FieldError("?date_to", "range_too_long", f"The range is longer than {MAX_DAYS} days.")])
    return Days(first, last, zone)


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
        FieldError(pointer, "date", f"Must be a date as YYYY-MM-DD, of the years {_FIRST_YEAR} to {_LAST_YEAR}.")
    )
    return None
