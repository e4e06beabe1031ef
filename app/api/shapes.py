"""Pieces that several request and answer bodies share: ids, instants, cursors, and what a body refuses.

Unknown members, NUL and control characters, and numbers where a date belongs are refused before any step sees them.
"""

import base64
import binascii
import datetime as dt
import re
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
)

from app.db.dialect import instant_text
from app.errors import FieldError, Invalid

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_DATE: Final = re.compile(r"(20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    rf"{_DATE.pattern}[Tt ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
)


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    value.encode()  # a lone surrogate is no text
    return value


def _date_text(value: Any) -> Any:
    # Alone, pydantic takes numbers, and digits in quotes, as seconds since 1970.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date as YYYY-MM-DD, of the years 2000 to 2100")
    return value


def _instant_in(value: Any) -> Any:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant with an offset or Z, of the years 2000 to 2100")
    return value


printable: Final = AfterValidator(_printable)

PlatformId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~-]{1,128}$", strict=True)]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
_UUID: Final = TypeAdapter(Uuid)
Line = Annotated[str, StringConstraints(max_length=200, strict=True), printable]
Date = Annotated[dt.date, BeforeValidator(_date_text, json_schema_input_type=dt.date)]
UtcInstant = Annotated[
    dt.datetime,
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
InstantIn = Annotated[
    dt.datetime,
    BeforeValidator(_instant_in, json_schema_input_type=dt.datetime),
    AfterValidator(lambda instant: instant.astimezone(dt.UTC)),
]
Limit = Annotated[int, Field(ge=1, le=200)]


class Body(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer body."""

    model_config = ConfigDict(frozen=True)


Row = TypeVar("Row")


class Page(Answer, Generic[Row]):
    """A page of a list."""

    data: list[Row]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")


def encode_cursor(*key: str | int) -> str:
    """An opaque cursor for the place after the row with this key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """The key inside a cursor, or None without one.

    Raises:
        Invalid: the cursor is not one that `encode_cursor` made of these types.
    """
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        raise Invalid([FieldError("?cursor", "cursor", "This is not a cursor of this list.")])
    return tuple(key)


def decode_uuid_cursor(cursor: str | None) -> str | None:
    """The id inside a cursor of a list that is ordered by a UUID, or None without one.

    Raises:
        Invalid: as `decode_cursor`.
    """
    key = decode_cursor(cursor, str)
    if key is None:
        return None
    try:
        return _UUID.validate_python(key[0])
    except ValueError:
        raise Invalid([FieldError("?cursor", "cursor", "This is not a cursor of this list.")]) from None
