"""The form of one session, client or booking, by PUT or as a line of an import; what passes here fits the schema."""

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from app.days import zone_named
from app.db.tables import BookingStatus
from app.fields import Moment, PlatformId, text


def _iana_zone(value: str) -> str:
    if zone_named(value) is None:
        raise ValueError("must be an IANA time zone such as Europe/Lisbon")
    return value


Text = Annotated[str, text(200, at_least=1)]
Email = Annotated[str, text(320, at_least=1)]
Zone = Annotated[str, text(64), AfterValidator(_iana_zone)]
AmountMinor = Annotated[int, Field(strict=True, ge=1, le=10**12, description="In the currency's minor unit.")]
Credits = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", strict=True), Field(description="ISO 4217.")]


class Record(BaseModel):
    """Unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class PaymentLine(Record):
    """One payment of a booking."""

    kind: Literal["payment"]
    payment_id: PlatformId
    amount_minor: AmountMinor
    currency: Currency


class CreditLine(Record):
    """Class credits spent on a booking."""

    kind: Literal["credit"]
    account_id: PlatformId
    credits: Credits


Line = Annotated[PaymentLine | CreditLine, Field(discriminator="kind")]


class SessionFields(Record):
    """A class session, as the platform describes it."""

    name: Text
    starts_at: Moment
    ends_at: Moment
    timezone: Zone | None = Field(None, description="IANA zone it is held in; the business's when left out.")
    location: Text | None = None
    instructor: Text | None = None
    capacity: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None

    @field_validator("ends_at")
    @classmethod
    def _after_the_start(cls, value: dt.datetime, info: ValidationInfo) -> dt.datetime:
        starts_at = info.data.get("starts_at")
        if starts_at is not None and value <= starts_at:
            raise ValueError("must be after starts_at")
        return value


class BookingFields(Record):
    """A client's place in a session, and how it was paid."""

    session_id: PlatformId
    client_id: PlatformId
    status: BookingStatus
    payments: tuple[Line, ...] = Field(
        (), max_length=20, description="None: free or membership; several: a split purchase."
    )

    @field_validator("payments")
    @classmethod
    def _each_payment_once(cls, value: tuple[Line, ...]) -> tuple[Line, ...]:
        if len(value) > 1:
            ids = [line.payment_id for line in value if isinstance(line, PaymentLine)]
            if len(set(ids)) < len(ids):
                raise ValueError("must not name one payment twice")
        return value


class SessionRecord(SessionFields):
    """`{"type": "session", …}`: a line of an import."""

    type: Literal["session"]
    id: PlatformId


class ClientRecord(Record):
    """`{"type": "client", …}`: a line of an import."""

    type: Literal["client"]
    id: PlatformId
    name: Text
    email: Email | None = None


class BookingRecord(BookingFields):
    """`{"type": "booking", …}`: a line of an import."""

    type: Literal["booking"]
    id: PlatformId


AnyRecord = SessionRecord | ClientRecord | BookingRecord
ANY_RECORD: Final[TypeAdapter[AnyRecord]] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="type")])
