"""Pieces that several request and answer bodies share: instants, pages and cursors.

A body with an unknown member is refused, and so is a cursor that its list did not give.
"""

import base64
import binascii
import datetime as dt
from typing import Annotated, Any, Final, Generic, Self, TypeVar

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from app.domain.days import instant_text
from app.domain.fields import Uuid
from app.errors import FieldError, Invalid

_MAX_INTEGER: Final = 2**31 - 1  # of the columns that cursors hold
_UUID: Final[TypeAdapter[str]] = TypeAdapter(Uuid)
UtcInstant = Annotated[
    dt.datetime,
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
RESOLVED_AMOUNT: Final = (
    "What a person says came back elsewhere, of one that is `resolved`; null: all of it."
)
Limit = Annotated[int, Field(ge=1, le=200)]


class Body(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Changes(Body):
    """A body that names what to change; what it leaves out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing-to-change", "Name something to change.")
        return self

    def changed(self, *names: str) -> dict[str, Any]:
        """Those of the members that were given."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


def never_null(schema: JsonDict) -> None:
    """Of a member that may be left out, but not be null."""
    schema.pop("default")


class Answer(BaseModel):
    """An answer body."""

    model_config = ConfigDict(frozen=True)


def without_defaults(schema: JsonDict) -> None:
    """Take the defaults out of a schema.

    What a request leaves out is as the business has it. A generated client would send them, and so
    undo the business's own for a job.
    """
    properties = schema["properties"]
    assert isinstance(properties, dict)
    for one in properties.values():
        assert isinstance(one, dict)
        one.pop("default", None)


Row = TypeVar("Row")


class Page(Answer, Generic[Row]):
    """A page of a list."""

    data: list[Row]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` for the next page; null on the last."
    )


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
    if (
        not isinstance(key, list)
        or [type(part) for part in key] != list(types)
        or any(isinstance(part, int) and not 0 <= part <= _MAX_INTEGER for part in key)
    ):
        raise Invalid([FieldError("?cursor", "cursor", "This is not a cursor of this list.")])
    return tuple(key)


def decode_uuid_cursor(cursor: str | None) -> str | None:
    """The id inside a cursor of a list ordered by UUID; None without one.

    Raises:
        Invalid: as `decode_cursor`.
    """
    key = decode_cursor(cursor, str)
    if key is None:
        return None
    try:
        return _UUID.validate_python(key[0])
    except ValueError:
        raise Invalid(
            [FieldError("?cursor", "cursor", "This is not a cursor of this list.")]
        ) from None
