"""The form of one session, client or booking.

It comes by PUT or as a line of an import, and what passes here fits the schema. Ids, instants and
money are taken as they are or not at all. Text for display is mended: whoever reads a line with a
list as pydantic's context finds there, for each member that was, what was done.
"""

import datetime as dt
import re
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StrictBool,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.fields import Currency, Moment, PlatformId, Zone
from app.domain.statuses import BookingStatus, SessionStatus
from app.domain.texts.display_text import MAX_CHARACTERS, cut, displayed


class Mended(NamedTuple):
    """What was done to one member's text.

    A JSON Pointer, a stable code and a sentence.
    """

    pointer: str
    code: str
    detail: str


def _displayed(value: str | None, info: ValidationInfo) -> str | None:
    """Text for display in its kept form; None when nothing is left."""
    if value is None:
        return None
    text = displayed(value)
    kept = cut(text)
    if not kept:
        _note(info, "text-empty", "Holds nothing to show, and is left out.")
    elif len(text) > MAX_CHARACTERS:
        _note(info, "text-cut", f"Is longer than {MAX_CHARACTERS} characters, and is cut.")
    elif kept != value:
        _note(info, "text-tidied", _TIDIED)
    return kept or None


def _tag(value: str | None, info: ValidationInfo) -> str | None:
    """A language tag, or None for what can't be one: it then is the business's."""
    if value is None or _TAG.fullmatch(value):
        return value and value.replace("_", "-")
    _note(info, "language-malformed", "Is no language tag, and is left out.")
    return None


def _mailable(value: str | None, info: ValidationInfo) -> str | None:
    """An e-mail address, or None for what can't be one.

    A wrong address is worse than none.
    """
    if value is None:
        return None
    kept = displayed(value)
    if not kept:
        _note(info, "text-empty", "Holds nothing to show, and is left out.")
        return None
    if len(kept) > _MAX_EMAIL or not _EMAIL.fullmatch(kept):
        _note(info, "email-malformed", "Is no e-mail address, and is left out.")
        return None
    if kept != value:
        _note(info, "text-tidied", _TIDIED)
    return kept


def _note(info: ValidationInfo, code: str, detail: str) -> None:
    if info.context is not None:
        info.context.append(Mended(f"/{info.field_name}", code, detail))


_TIDIED: Final = "Control characters, white space or accents were brought into one form."
_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,4}")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_MAX_EMAIL: Final = 320  # RFC 3696, and the column

Text = Annotated[
    Annotated[str, Strict()] | None,
    AfterValidator(_displayed),
    Field(
        description=(
            "For display: white space is folded,"
            f" and what is beyond {MAX_CHARACTERS} characters is cut."
        )
    ),
]
Email = Annotated[
    Annotated[str, Strict()] | None,
    AfterValidator(_mailable),
    Field(description="Left out when it can't be an e-mail address."),
]
Language = Annotated[
    Annotated[str, Strict()] | None,
    AfterValidator(_tag),
    Field(description="BCP 47, as `fr-CA`; left out when it can't be one. Null: the business's."),
]
AmountMinor = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=10**12,
        description="In the currency's minor unit; 0 counts as nothing paid.",
    ),
]
Credits = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=10**9,
        description=(
            "At most 1000, unless the business's limit says otherwise; 0 counts as nothing paid."
        ),
    ),
]


def _method_by_its_older_word(line: Any) -> Any:
    """A payment line with `method`, once called `kind`.

    A `kind` that says otherwise is left, and refused.
    """
    if isinstance(line, dict) and "kind" in line:
        says_the_same = line.get("method", line["kind"]) == line["kind"]
        if says_the_same:
            return {("method" if name == "kind" else name): value for name, value in line.items()}
    return line


class Record(BaseModel):
    """Unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class PaymentLine(Record):
    """One payment of a booking."""

    method: Literal["payment"]
    payment_id: PlatformId
    amount_minor: AmountMinor
    currency: Currency


class CreditLine(Record):
    """Class credits spent on a booking."""

    method: Literal["credit"]
    account_id: PlatformId
    credits: Credits


Line = Annotated[
    PaymentLine | CreditLine,
    Field(discriminator="method"),
    BeforeValidator(_method_by_its_older_word),
]


class SessionFields(Record):
    """A class session, as the platform describes it."""

    name: Text = Field(None, description="For display; the id stands in where there is none.")
    starts_at: Moment
    ends_at: Moment
    timezone: Zone | None = Field(
        None, description="IANA zone it is held in; the business's when left out."
    )
    location: Text = None
    instructor: Text = None
    capacity: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None
    status: SessionStatus = Field(
        SessionStatus.SCHEDULED,
        description=(
            "`cancelled`: by the platform itself."
            " It has no say over a session that was cancelled here."
        ),
    )

    @field_validator("ends_at")
    @classmethod
    def _after_the_start(cls, value: dt.datetime, info: ValidationInfo) -> dt.datetime:
        starts_at = info.data.get("starts_at")
        if starts_at is not None and value <= starts_at:
            raise PydanticCustomError("ends-before-start", "must be after starts_at")
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
                raise PydanticCustomError("repeated-payment", "must not name one payment twice")
        return value


class SessionRecord(SessionFields):
    """`{"type": "session", …}`: a line of an import."""

    type: Literal["session"]
    id: PlatformId


class ClientFields(Record):
    """Somebody who books."""

    name: Text = None
    email: Email = None
    language: Language = None
    wants_no_mail: StrictBool = Field(
        False, description="Messages about cancellations are not sent to this client."
    )


class ClientRecord(ClientFields):
    """`{"type": "client", …}`: a line of an import."""

    type: Literal["client"]
    id: PlatformId


class BookingRecord(BookingFields):
    """`{"type": "booking", …}`: a line of an import."""

    type: Literal["booking"]
    id: PlatformId


AnyRecord = SessionRecord | ClientRecord | BookingRecord
ANY_RECORD: Final[TypeAdapter[AnyRecord]] = TypeAdapter(
    Annotated[AnyRecord, Field(discriminator="type")]
)
