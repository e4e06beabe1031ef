"""Creates or replaces one session or booking; the same again changes nothing."""

from typing import Any, assert_never

from app.db import bookings
from app.db.bookings import BookingRow
from app.db.engine import Database
from app.errors import FieldError, Invalid, NotFound, Problem
from app.schedule.apply import apply
from app.schedule.read import SessionView
from app.schedule.read import session as read_session
from app.schedule.records import BookingFields, BookingRecord, SessionFields, SessionRecord
from app.schedule.walk import Change, Frozen, Outcome, Unknown


async def put_session(
    db: Database, business_id: str, business_zone: str, session_id: str, fields: SessionFields
) -> tuple[Change, SessionView]:
    """Create or describe anew a session; what it did, and the session. A cancelled one stays cancelled."""
    record = SessionRecord.model_construct(type="session", id=session_id, **_given(fields, SessionFields))
    (outcome,) = await apply(db, business_id, business_zone, [record])
    return _change(outcome), await read_session(db, business_id, session_id)


async def put_booking(
    db: Database, business_id: str, business_zone: str, booking_id: str, fields: BookingFields
) -> tuple[Change, BookingRow]:
    """Create or replace a booking with its payment lines; what it did, and the booking.

    Raises:
        Invalid: there is no such session or client.
        Problem: 409 session-cancelled, the booking is in a cancelled session or would go into one.
    """
    record = BookingRecord.model_construct(type="booking", id=booking_id, **_given(fields, BookingFields))
    (outcome,) = await apply(db, business_id, business_zone, [record])
    change = _change(outcome)
    async with db.read() as conn:
        row = await bookings.get(conn, business_id, booking_id)
    if row is None:
        raise NotFound("booking")
    return change, row


def _given(fields: SessionFields | BookingFields, form: type[SessionFields | BookingFields]) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in form.model_fields}


def _change(outcome: Outcome) -> Change:
    match outcome:
        case Change():
            return outcome
        case Unknown(pointer, what):
            raise Invalid([FieldError(pointer, f"unknown_{what}", f"There is no such {what}.")])
        case Frozen(session_id, job_id):
            raise Problem(
                409,
                "session-cancelled",
                "The session is cancelled",
                f"Session {session_id} is cancelled: it takes no booking, and those in it are frozen.",
                extensions={"session_id": session_id, "job_id": job_id},
            )
        case _:
            assert_never(outcome)
