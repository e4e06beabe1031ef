"""Creates or replaces one session, booking or client; the same again changes nothing."""

from typing import Any, assert_never

from app.db.core.engine import Database
from app.db.schedule import booking_pages
from app.domain.nouns.schedule import BookingRow, ClientRow
from app.errors import FieldError, Invalid, NotFound, Problem
from app.schedule.apply import apply
from app.schedule.diff import (
    ClientIsErased,
    Outcome,
    RecordChange,
    SessionIsCancelled,
    Settled,
    TooManyCredits,
    Unknown,
    WithBareClient,
)
from app.schedule.read import SessionView
from app.schedule.read import client as read_client
from app.schedule.read import session as read_session
from app.schedule.records import (
    BookingFields,
    BookingRecord,
    ClientFields,
    ClientRecord,
    Record,
    SessionFields,
    SessionRecord,
)


async def put_session(
    db: Database, business_id: str, business_zone: str, session_id: str, fields: SessionFields
) -> tuple[RecordChange, SessionView]:
    """Create or describe anew a session; what it did, and the session.

    A cancelled one stays cancelled.
    """
    record = SessionRecord.model_construct(
        type="session", id=session_id, **_given(fields, SessionFields)
    )
    (outcome,) = await apply(db, business_id, business_zone, [record])
    return _change(outcome), await read_session(db, business_id, session_id)


async def put_booking(
    db: Database, business_id: str, business_zone: str, booking_id: str, fields: BookingFields
) -> tuple[RecordChange, BookingRow]:
    """Create or replace a booking with its payment lines; what it did, and the booking.

    Raises:
        Invalid: there is no such session, or a line has more credits than the business's limit.
        Problem: 409 session-cancelled, the booking is in a cancelled session or would go into one;
            409 booking-settled, it was deleted after a job had settled it.
    """
    record = BookingRecord.model_construct(
        type="booking", id=booking_id, **_given(fields, BookingFields)
    )
    (outcome,) = await apply(db, business_id, business_zone, [record])
    change = _change(outcome)
    async with db.read() as conn:
        row = await booking_pages.get(conn, business_id, booking_id)
    if row is None:
        raise NotFound("booking")
    return change, row


async def put_client(
    db: Database, business_id: str, business_zone: str, client_id: str, fields: ClientFields
) -> tuple[RecordChange, ClientRow]:
    """Create or replace a client; what it did, and the client as kept.

    Raises:
        Problem: 409 client-erased.
    """
    record = ClientRecord.model_construct(
        type="client", id=client_id, **_given(fields, ClientFields)
    )
    (outcome,) = await apply(db, business_id, business_zone, [record])
    return _change(outcome), await read_client(db, business_id, client_id)


def _given(fields: Record, form: type[Record]) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in form.model_fields}


def _change(outcome: Outcome) -> RecordChange:
    match outcome:
        case RecordChange():
            return outcome
        case WithBareClient(change):
            return change
        case Unknown(pointer, what):
            raise Invalid([FieldError(pointer, f"unknown-{what}", f"There is no such {what}.")])
        case SessionIsCancelled(session_id, job_id):
            raise Problem(
                409,
                "session-cancelled",
                "The session is cancelled",
                f"Session {session_id} is cancelled: it takes no booking,"
                " and those in it are frozen.",
                extensions={"session_id": session_id, "job_id": job_id},
            )
        case Settled(job_id):
            raise Problem(
                409,
                "booking-settled",
                "The booking was settled",
                "It was deleted after a bulk cancellation had settled it."
                " Give a new booking an id of its own.",
                extensions={"job_id": job_id},
            )
        case TooManyCredits(pointers):
            raise Invalid(
                [FieldError(pointer, "less-than-equal", outcome.sentence) for pointer in pointers]
            )
        case ClientIsErased():
            raise Problem(
                409,
                "client-erased",
                "The client was erased",
                "Nothing may be known of this client any more. Give whoever comes back a new id.",
            )
        case _:
            assert_never(outcome)
