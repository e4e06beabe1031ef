"""Writes the schedule's bodies from rows, member by member as `schedule_bodies` describes them.

Lists are long. Checking each member of a hundred rows that the database has checked would take as
long as all the rest of the answer.
"""

import datetime as dt
from collections.abc import Collection, Container, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from app.api.bodies import encode_cursor
from app.api.languages import spoken
from app.api.schedule.page_bodies import logo_path
from app.api.schedule.schedule_bodies import BookingRefund
from app.api.schedule.schedule_paging import place_after
from app.domain.days import Days, instant_text, session_times
from app.domain.nouns.pages import PageSettings
from app.domain.nouns.schedule import BookingRow, LineFacts, RefundRow, SessionRow
from app.domain.statuses import OPEN, RefundStatus
from app.schedule.public import PublicSchedule
from app.schedule.read import SessionView, total

Members = dict[str, Any]
_RETURNED: Final = frozenset({RefundStatus.SUCCEEDED})
_REFUND: Final = tuple(name for name in BookingRefund.model_fields if name != "settled_at")


def session(view: SessionView, business_timezone: str) -> Members:
    """A `Session`."""
    row = view.session
    facts = row.facts
    return {
        "id": row.id,
        "name": facts.name,
        **_times(facts.starts_at, facts.ends_at, facts.timezone, business_timezone),
        "location": facts.location,
        "instructor": facts.instructor,
        "capacity": facts.capacity,
        "booked": view.booked,
        "status": row.status,
        "cancellation": _cancellation(row),
    }


def session_page(
    days: Days, views: Sequence[SessionView], limit: int, business_timezone: str
) -> Members:
    """A `SessionPage` of the first `limit` of these, with a cursor where there are more."""
    shown = [session(view, business_timezone) for view in views[:limit]]
    next_cursor = None
    if len(views) > limit:
        last = views[limit - 1].session
        next_cursor = place_after(last.facts.starts_at, last.id)
    return {"data": shown, "next_cursor": next_cursor} | _days(days)


def public_page(shown_to_anybody: PublicSchedule) -> Members:
    """A `PublicSchedule`, with a cursor where there are more."""
    (business, days, rows, is_cut), page, returning_all, sender = shown_to_anybody
    next_cursor = place_after(rows[-1].facts.starts_at, rows[-1].id) if is_cut else None
    shown = [_public(row, business.timezone, returning_all) for row in rows]
    head = {"business": business.name, "page": page_look(business.id, page)} | spoken(None, sender)
    return {"data": shown, "next_cursor": next_cursor} | head | _days(days)


def page_look(business_id: str, page: PageSettings) -> Members:
    """A `PageLook`: how the business's page looks."""
    return {
        "colour": page.colour,
        "on_colour": page.on_colour,
        "logo": logo_path(business_id, page),
    }


def booking(row: BookingRow) -> Members:
    """A `Booking`."""
    return {
        "id": row.id,
        "session_id": row.facts.session_id,
        "client_id": row.facts.client_id,
        "status": row.facts.status,
        "payments": [_payment(line) for line in row.facts.lines],
        "refunds": [_refund(refund) for refund in row.refunds],
    }


def booking_page(rows: Sequence[BookingRow], limit: int) -> Members:
    """A page of a session's bookings, as `session_page`."""
    next_cursor = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return {"data": [booking(row) for row in rows[:limit]], "next_cursor": next_cursor}


def client_page(
    rows: Sequence[tuple[BookingRow, SessionRow]], limit: int, business_timezone: str
) -> Members:
    """A page of a client's bookings, as `session_page`."""
    next_cursor = None
    if len(rows) > limit:
        last, of_last = rows[limit - 1]
        next_cursor = place_after(of_last.facts.starts_at, last.id)
    return {
        "data": [_client_booking(*row, business_timezone) for row in rows[:limit]],
        "next_cursor": next_cursor,
    }


def _client_booking(row: BookingRow, of_row: SessionRow, business_timezone: str) -> Members:
    shown = booking(row)
    shown["session"] = session = _anybodys(of_row, business_timezone)
    session["cancellation"] = _cancellation(of_row)
    shown["returned"] = _sum(row, _RETURNED)
    shown["on_the_way"] = _sum(row, OPEN)
    return shown


def _public(row: SessionRow, business_timezone: str, returning_all: Container[str]) -> Members:
    had = row.cancellation
    shown = _anybodys(row, business_timezone)
    shown["cancellation"] = had and {
        "cancelled_at": instant_text(had.cancelled_at),
        "reason": had.reason,
        "returns_all": had.job_id in returning_all,
    }
    return shown


def _anybodys(row: SessionRow, business_timezone: str) -> Members:
    facts = row.facts
    return {
        "id": row.id,
        "name": facts.name,
        **_times(facts.starts_at, facts.ends_at, facts.timezone, business_timezone),
        "location": facts.location,
        "instructor": facts.instructor,
        "status": row.status,
    }


# Kept as `session_times` is: to write an instant takes longer than all else of a line.
@lru_cache(maxsize=4096)
def _times(
    starts_at: dt.datetime, ends_at: dt.datetime, timezone: str, business_timezone: str
) -> Mapping[str, object]:
    """The members of `Times`, for good."""
    times = session_times(starts_at, ends_at, timezone, business_timezone)
    return MappingProxyType(
        {"starts_at": instant_text(starts_at), "ends_at": instant_text(ends_at)} | times._asdict()
    )


def _cancellation(row: SessionRow) -> Members | None:
    had = row.cancellation
    if had is None:
        return None
    return {
        "job_id": had.job_id,
        "in_process": had.in_process,
        "cancelled_at": instant_text(had.cancelled_at),
        "reason": had.reason,
    }


def _payment(line: LineFacts) -> Members:
    if line.payment_id is None:
        return {"method": line.method, "account_id": line.account_id, "credits": line.credits}
    return {
        "method": line.method,
        "payment_id": line.payment_id,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
    }


def _refund(row: RefundRow) -> Members:
    settled_at = None if row.settled_at is None else instant_text(row.settled_at)
    return {name: getattr(row, name) for name in _REFUND} | {"settled_at": settled_at}


def _sum(row: BookingRow, statuses: Collection[RefundStatus]) -> Members:
    if not row.refunds:
        return {"amounts": [], "credits": 0}
    sums = total(row, statuses)
    amounts = [{"currency": currency, "amount_minor": amount} for currency, amount in sums.amounts]
    return {"amounts": amounts, "credits": sums.credits}


def _days(days: Days) -> Members:
    return {
        "date_from": str(days.date_from),
        "date_to": str(days.date_to),
        "timezone": days.zone.key,
    }
