"""What the schedule's lists share: the parameters of a query, and cursors.

A cursor holds nothing but a row's key.
"""

import datetime as dt
import re
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator, StringConstraints

from app.api.bodies import Limit, decode_cursor, encode_cursor
from app.domain.days import instant_text
from app.domain.texts.display_text import MAX_CHARACTERS, displayed
from app.errors import FieldError, Invalid

_ID: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_RANGE: Final = (
    "With neither date: the business's current week, Monday to Sunday. With one: the seven days "
    "from it, or to it."
)

DateFrom = Annotated[
    str | None,
    Query(
        description=(
            f"First day, `YYYY-MM-DD` in the business's time zone, inclusive. {_RANGE} At most 366 "
            "days."
        ),
        json_schema_extra={"format": "date"},
    ),
]
DateTo = Annotated[
    str | None,
    Query(
        description="Last day, inclusive; see `date_from`.", json_schema_extra={"format": "date"}
    ),
]
PageLimit = Annotated[Limit, Query(description="How many at most.")]
Cursor = Annotated[
    str | None, Query(description="`next_cursor` of the page before.", max_length=1000)
]
# Of what is kept, no text is longer; and as it is kept, so it is asked for.
_Displayed = Annotated[str, StringConstraints(max_length=MAX_CHARACTERS), AfterValidator(displayed)]
Exactly = Annotated[_Displayed | None, Query(description="Exactly this text, white space apart.")]
PartOfName = Annotated[
    _Displayed | None, Query(description="Part of the name, whatever its case and accents.")
]


def place_after(starts_at: dt.datetime, id_: str) -> str:
    """The cursor of a list in order of start and id."""
    return encode_cursor(instant_text(starts_at), id_)


def place_of(cursor: str | None) -> tuple[dt.datetime, str] | None:
    """The start and id inside such a cursor.

    Raises:
        Invalid: it is none of ours.
    """
    key = decode_cursor(cursor, str, str)
    if key is None:
        return None
    instant, id_ = key
    try:
        starts_at = dt.datetime.fromisoformat(instant).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise _not_a_cursor() from None
    return starts_at, _checked_id(id_)


def id_of(cursor: str | None) -> str | None:
    """The id inside the cursor of a list in id order.

    Raises:
        Invalid: it is none of ours.
    """
    key = decode_cursor(cursor, str)
    return None if key is None else _checked_id(key[0])


def _checked_id(id_: str) -> str:
    if not _ID.fullmatch(id_):
        raise _not_a_cursor()
    return id_


def _not_a_cursor() -> Invalid:
    return Invalid([FieldError("?cursor", "cursor", "This is not a cursor of this list.")])
