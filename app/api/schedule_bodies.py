"""The bodies of the schedule: what a PUT may say, and how sessions, bookings and clients' views are shown."""

from typing import Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from app.api.shapes import Answer, Page, UtcInstant
from app.days import Days
from app.db.bookings import BookingRow, LineFacts, RefundRow
from app.db.sessions import SessionRow
from app.db.tables import BookingStatus, Method, RefundStatus, SessionStatus
from app.fields import PlatformId
from app.schedule.read import ON_THE_WAY, SessionView, Sum, total
from app.schedule.records import BookingFields, CreditLine, PaymentLine, SessionFields

_SESSION: JsonDict = {
    "name": "Vinyasa flow",
    "starts_at": "2026-11-23T18:00:00-05:00",
    "ends_at": "2026-11-23T19:00:00-05:00",
    "timezone": "America/Toronto",
    "location": "Studio 1",
    "instructor": "Noor",
    "capacity": 20,
}
_BOOKING: JsonDict = {
    "session_id": "s3",
    "client_id": "c1",
    "status": "booked",
    "payments": [{"kind": "payment", "payment_id": "pay_1", "amount_minor": 2000, "currency": "CAD"}],
}


class SessionBody(SessionFields):
    """A session to create or replace. Its status is not the platform's to say."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SESSION]})

    id: PlatformId | None = Field(None, description="May be repeated here; must be the path's.")


class BookingBody(BookingFields):
    """A booking to create or replace."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BOOKING]})

    id: PlatformId | None = Field(None, description="May be repeated here; must be the path's.")


class SessionCancellation(Answer):
    """The bulk cancellation that has the session."""

    job_id: str
    in_process: bool = Field(description="Whether its refunds are still under way.")
    cancelled_at: UtcInstant
    reason: str | None


class Session(Answer):
    """A class session."""

    id: str
    name: str
    starts_at: UtcInstant
    ends_at: UtcInstant
    timezone: str
    location: str | None
    instructor: str | None
    capacity: int | None
    booked: int = Field(description="Bookings that take a place: `booked` and `checked_in`.")
    status: SessionStatus
    cancellation: SessionCancellation | None

    @classmethod
    def of(cls, view: SessionView) -> Self:
        """The session as the API shows it."""
        row, facts = view.session, view.session.facts
        return cls(  # each member by its name: unpacking a dictionary of them costs as much again
            id=row.id,
            name=facts.name,
            starts_at=facts.starts_at,
            ends_at=facts.ends_at,
            timezone=facts.timezone,
            location=facts.location,
            instructor=facts.instructor,
            capacity=facts.capacity,
            booked=view.booked,
            status=row.status,
            cancellation=_cancellation(row),
        )


class SessionPage(Page[Session]):
    """Sessions in start order."""

    date_from: str = Field(description="First local day of the business, inclusive.")
    date_to: str = Field(description="Last local day, inclusive.")
    timezone: str

    @classmethod
    def of_days(cls, days: Days, data: list[Session], next_cursor: str | None) -> Self:
        """A page with the days that it is of."""
        return cls(data=data, next_cursor=next_cursor, **days_fields(days))


class BookingRefund(Answer):
    """What became of one payment line, or (kind `none`) of a booking with nothing to return."""

    id: str
    job_id: str
    kind: Method
    payment_id: str | None
    account_id: str | None
    amount_minor: int | None
    currency: str | None
    credits: int | None
    status: RefundStatus
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    settled_at: UtcInstant | None


class Booking(Answer):
    """A client's place in a session."""

    id: str
    session_id: str
    client_id: str
    status: BookingStatus
    payments: list[PaymentLine | CreditLine]
    refunds: list[BookingRefund]

    @classmethod
    def of(cls, row: BookingRow) -> Self:
        """The booking as the API shows it."""
        return cls(**_booking_fields(row))


class Amount(Answer):
    """Money."""

    currency: str
    amount_minor: int


class Returned(Answer):
    """What refunds come to."""

    amounts: list[Amount]
    credits: int

    @classmethod
    def of(cls, sums: Sum) -> Self:
        """The sum as the API shows it."""
        amounts = [Amount(currency=currency, amount_minor=amount) for currency, amount in sums.amounts]
        return cls(amounts=amounts, credits=sums.credits)


class BookedSession(Answer):
    """The session of a booking, as its client sees it."""

    id: str
    name: str
    starts_at: UtcInstant
    ends_at: UtcInstant
    timezone: str
    location: str | None
    instructor: str | None
    status: SessionStatus
    cancellation: SessionCancellation | None


class ClientBooking(Booking):
    """A booking as its client sees it."""

    session: BookedSession
    returned: Returned = Field(description="What has been given back.")
    on_the_way: Returned = Field(description="What is still to be given back.")

    @classmethod
    def of_both(cls, booking: BookingRow, session: SessionRow) -> Self:
        """The booking with its session as the API shows them."""
        facts = session.facts._asdict()
        facts.pop("capacity")
        return cls(
            **_booking_fields(booking),
            session=BookedSession(id=session.id, **facts, status=session.status, cancellation=_cancellation(session)),
            returned=Returned.of(total(booking, {RefundStatus.SUCCEEDED})),
            on_the_way=Returned.of(total(booking, ON_THE_WAY)),
        )


def days_fields(days: Days) -> dict[str, str]:
    """The envelope's own members."""
    return {"date_from": str(days.date_from), "date_to": str(days.date_to), "timezone": days.zone.key}


def _cancellation(row: SessionRow) -> SessionCancellation | None:
    had = row.cancellation
    if had is None:
        return None
    return SessionCancellation(
        job_id=had.job_id, in_process=had.in_process, cancelled_at=had.cancelled_at, reason=had.reason
    )


def _booking_fields(row: BookingRow) -> dict[str, object]:
    return {
        "id": row.id,
        "session_id": row.facts.session_id,
        "client_id": row.facts.client_id,
        "status": row.facts.status,
        "payments": [_payment(line) for line in row.facts.lines],
        "refunds": [_refund(refund) for refund in row.refunds],
    }


def _payment(line: LineFacts) -> PaymentLine | CreditLine:
    members = {name: value for name, value in line._asdict().items() if value is not None and name != "method"}
    form = PaymentLine if line.method == Method.PAYMENT else CreditLine
    return form(kind=line.method, **members)


def _refund(row: RefundRow) -> BookingRefund:
    return BookingRefund(
        kind=row.method,
        **{name: getattr(row, name) for name in BookingRefund.model_fields if name != "kind"},
    )
