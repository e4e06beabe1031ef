"""The bodies of the schedule.

What a PUT may say, and how sessions, bookings and clients' views are shown.
"""

from typing import Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from app.api.bodies import RESOLVED_AMOUNT, Answer, Page, UtcInstant
from app.api.schedule.local_times import Times
from app.domain.fields import PlatformId
from app.domain.nouns.schedule import ClientRow
from app.domain.statuses import BookingStatus, Method, RefundForm, RefundStatus, SessionStatus
from app.schedule.records import BookingFields, ClientFields, CreditLine, PaymentLine, SessionFields

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
    "payments": [
        {"method": "payment", "payment_id": "pay_1", "amount_minor": 2000, "currency": "CAD"}
    ],
}


_CLIENT: JsonDict = {"name": "Noor Li", "email": "noor@example.org"}


class SessionBody(SessionFields):
    """A session to create or replace."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SESSION]})

    id: PlatformId | None = Field(None, description="May be repeated here; must be the path's.")


class BookingBody(BookingFields):
    """A booking to create or replace."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BOOKING]})

    id: PlatformId | None = Field(None, description="May be repeated here; must be the path's.")


class ClientBody(ClientFields):
    """A client to create or replace."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CLIENT]})

    id: PlatformId | None = Field(None, description="May be repeated here; must be the path's.")


class Client(Answer):
    """Somebody who books."""

    id: str
    name: str | None = Field(description="Null where it is not known.")
    email: str | None
    language: str | None = Field(description="BCP 47; null: the business's.")
    wants_no_mail: bool = Field(description="As the platform or the client says; either is enough.")
    mail_stopped_at: UtcInstant | None = Field(
        description="When the client did, by their own link, which alone takes it back."
    )

    @classmethod
    def of(cls, client_id: str, row: ClientRow) -> Self:
        """The client as the API shows it."""
        facts, mail_stopped_at = row
        wants_none = facts.wants_no_mail or mail_stopped_at is not None
        members = facts._asdict() | {"wants_no_mail": wants_none}
        return cls(id=client_id, mail_stopped_at=mail_stopped_at, **members)


class SessionCancellation(Answer):
    """The bulk cancellation that has the session."""

    job_id: str
    in_process: bool = Field(description="Whether its refunds are still under way.")
    cancelled_at: UtcInstant
    reason: str | None


class NamedSession(Answer):
    """What every session in an answer begins with."""

    id: str
    name: str


class Session(Times, NamedSession):
    """A class session."""

    location: str | None
    instructor: str | None
    capacity: int | None
    booked: int = Field(description="Bookings that take a place: `booked` and `checked_in`.")
    status: SessionStatus
    cancellation: SessionCancellation | None


class SessionPage(Page[Session]):
    """Sessions in start order."""

    date_from: str = Field(description="First local day of the business, inclusive.")
    date_to: str = Field(description="Last local day, inclusive.")
    timezone: str


class BookingRefund(Answer):
    """One refund of a booking.

    What became of one payment line, or (method `none`) of a booking with nothing to return.
    """

    id: str
    job_id: str
    method: Method
    payment_id: str | None
    account_id: str | None
    amount_minor: int | None
    currency: str | None
    credits: int | None
    kept_amount_minor: int = Field(description="Paid, and not returned.")
    kept_credits: int
    kept_by: str | None = Field(description="The rule that keeps it.", examples=["attended"])
    leg: int = Field(
        description="Of its line, from 1: another follows a refusal that no try can mend."
    )
    returned_as: RefundForm = Field(description="In which form it comes back.")
    bonus_minor: int = Field(
        description="Given on top of `amount_minor` to who has chosen store credit."
    )
    status: RefundStatus
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None = Field(description=RESOLVED_AMOUNT)
    settled_at: UtcInstant | None


class Booking(Answer):
    """A client's place in a session."""

    id: str
    session_id: str
    client_id: str
    status: BookingStatus
    payments: list[PaymentLine | CreditLine]
    refunds: list[BookingRefund]


class Amount(Answer):
    """Money."""

    currency: str
    amount_minor: int


class Returned(Answer):
    """What refunds come to."""

    amounts: list[Amount]
    credits: int


class BookedSession(Times, NamedSession):
    """The session of a booking, as its client sees it."""

    location: str | None
    instructor: str | None
    status: SessionStatus
    cancellation: SessionCancellation | None


class ClientBooking(Booking):
    """A booking as its client sees it."""

    session: BookedSession
    returned: Returned = Field(description="What has been given back; goodwill is no part of it.")
    on_the_way: Returned = Field(description="What is still to be given back.")
