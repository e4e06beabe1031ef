"""All that is held of one client, as it is exported."""

from typing import Any

from pydantic import ConfigDict, Field

from app.api.bodies import RESOLVED_AMOUNT, Answer, UtcInstant
from app.domain.statuses import (
    BookingStatus,
    MessageStatus,
    Method,
    RefundForm,
    RefundStatus,
    SessionStatus,
)


class _Held(Answer):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeldClient(_Held):
    """Their record."""

    id: str
    name: str | None
    email: str | None
    language: str | None
    wants_no_mail: bool = Field(description="As the platform says.")
    mail_stopped_at: UtcInstant | None = Field(description="When they did, by their own link.")
    deleted_at: UtcInstant | None = Field(description="When they left the schedule.")
    erased_at: UtcInstant | None = Field(description="From when on nothing says who they are.")


class HeldContact(_Held):
    """What they were called, and their address, until a change."""

    name: str | None
    email: str | None
    until: UtcInstant


class HeldSuppression(_Held):
    """An address of theirs that nothing is sent to."""

    address: str
    because: str
    since: UtcInstant


class HeldLink(_Held):
    """A page of theirs that they have a link to; the link itself is signed, and kept nowhere."""

    page: str
    job_id: str | None = Field(description="The bulk cancellation that it is about, if any.")


class HeldPayment(_Held):
    """How a part of a booking was paid."""

    method: Method
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None


class HeldSession(_Held):
    """The session of a booking."""

    id: str
    name: str
    starts_at: UtcInstant
    ends_at: UtcInstant
    timezone: str
    location: str | None
    instructor: str | None
    status: SessionStatus


class HeldBooking(_Held):
    """A booking in the schedule."""

    id: str
    status: BookingStatus
    session: HeldSession
    payments: list[HeldPayment]


class HeldChange(_Held):
    """A state that a refund has had."""

    status: RefundStatus
    failure_code: str | None
    failure_detail: str | None
    recorded_at: UtcInstant


class HeldRefund(HeldPayment):
    """What became of one payment line in a bulk cancellation."""

    id: str
    job_id: str
    session_id: str
    booking_id: str
    line_no: int
    leg: int
    returned_as: RefundForm
    kept_amount_minor: int
    kept_credits: int
    kept_by: str | None
    bonus_minor: int
    status: RefundStatus
    upstream_reference: str | None
    failure_code: str | None
    failure_detail: str | None
    resolved_amount_minor: int | None = Field(description=RESOLVED_AMOUNT)
    settled_at: UtcInstant | None
    history: list[HeldChange]


class HeldChoice(_Held):
    """In which form they chose to have something back."""

    job_id: str
    form: RefundForm
    chosen_at: UtcInstant


class HeldOverride(_Held):
    """What a request said of a booking of theirs, whatever the terms say."""

    job_id: str
    booking_id: str
    line_no: int
    action: str
    amount_minor: int | None
    return_as: RefundForm | None
    note: str


class HeldMessage(_Held):
    """A message to them."""

    id: str
    job_id: str
    edition: int
    status: MessageStatus
    because: str | None
    recipient: str | None
    detail: str | None = Field(description="What the mail server answered last.")
    created_at: UtcInstant
    sent_at: UtcInstant | None
    facts: dict[str, Any] | None = Field(description="What it says; null: not begun.")


class HeldEvent(_Held):
    """What webhooks were told of them by name."""

    id: str
    occurred_at: UtcInstant
    payload: str = Field(description="As it was sent.")


class PersonalData(_Held):
    """All that is held of one client, of one moment. Lists are in the order of their ids."""

    business_id: str
    made_at: UtcInstant
    client: HeldClient
    former_contacts: list[HeldContact]
    suppressed_addresses: list[HeldSuppression]
    links: list[HeldLink]
    bookings: list[HeldBooking]
    refunds: list[HeldRefund]
    choices: list[HeldChoice]
    overrides: list[HeldOverride]
    messages: list[HeldMessage]
    events: list[HeldEvent]
