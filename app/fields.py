"""Field types that every body and record shares: ids, text, dates, instants. What passes here fits the schema.

Control characters (NUL among them) and numbers where a date belongs are refused before any step sees them.
"""

import datetime as dt
import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints

_DATE: Final = re.compile(r"(20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    rf"{_DATE.pattern}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
)
# Checked by pydantic's Rust: an import reads millions of these. There `$` is the very end of the text.
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


def _date(value: Any) -> Any:
    # Alone, pydantic takes numbers, and digits in quotes, as seconds since 1970.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date as YYYY-MM-DD, of the years 2000 to 2100")
    return value


def _instant(value: Any) -> dt.datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant with an offset or Z, of the years 2000 to 2100")
    instant = dt.datetime.fromisoformat(value.upper()).astimezone(dt.UTC)
    # Both databases keep milliseconds: the same record twice must compare equal.
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def text(at_most: int, *, at_least: int = 0) -> StringConstraints:
    """The constraints of a line of text without control characters."""
    return StringConstraints(min_length=at_least, max_length=at_most, pattern=NO_CONTROLS, strict=True)


PlatformId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._:~-]{1,128}$", strict=True),
    Field(description="The platform's own id."),
]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Date = Annotated[dt.date, BeforeValidator(_date, json_schema_input_type=dt.date)]
Moment = Annotated[dt.datetime, PlainValidator(_instant, json_schema_input_type=dt.datetime)]
