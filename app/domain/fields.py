"""Field types that every body and record shares: ids, text, dates, instants.

What passes here fits the schema. Control characters (NUL among them) and numbers where a date
belongs are refused before any step sees them.
"""

import datetime as dt
import re
from contextlib import suppress
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from app.domain.money import CURRENCIES
from app.domain.zones import region_named

_DATE: Final = re.compile(r"(20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    rf"{_DATE.pattern}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# Checked by pydantic's Rust: an import reads millions of these. There `$` is the very end of the
# text.
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_NO_CONTROLS_BUT_BREAKS: Final = r"^[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]*$"
PLATFORM_ID: Final = r"^[A-Za-z0-9._:~-]{1,128}$"
UUID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
COLOUR: Final = r"^#[0-9a-f]{6}$"
TAG: Final = r"^[0-9a-f]{32}$"
_CURRENCY: Final = f"^({'|'.join(sorted(CURRENCIES))})$"
_BREAK: Final = re.compile(r"[\t-\r\x85\u2028\u2029]")
# An e-mail address that every relay takes: a dot-atom and a domain (RFC 5322), both ASCII.
ADDRESS: Final = (
    r"^[!#-\x27*+/-9=?A-Z^-~-]+(\.[!#-\x27*+/-9=?A-Z^-~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+$"
)
# What a caller reads instead of a pattern.
PATTERN_WORDS: Final = {
    NO_CONTROLS: "Must hold no line breaks, tabs or other control characters.",
    _NO_CONTROLS_BUT_BREAKS: "Must hold no control characters but line breaks and tabs.",
    PLATFORM_ID: "Must be 1 to 128 letters (A to Z, a to z), digits and . _ : ~ -",
    ADDRESS: "Must be an e-mail address.",
    UUID: "Must be a UUID in lower case.",
    COLOUR: "Must be a colour as # and six digits of 0 to 9 and a to f, in lower case.",
    TAG: "Must be a tag that the service has given: 32 digits of 0 to 9 and a to f.",
    _CURRENCY: (
        "Must be a currency of ISO 4217 that has a minor unit, as its three capital letters."
    ),
}


def _date(value: Any) -> Any:
    # Alone, pydantic takes numbers, and digits in quotes, as seconds since 1970.
    if isinstance(value, str) and _DATE.fullmatch(value):
        with suppress(ValueError):  # there is no 30 February
            return dt.date.fromisoformat(value)
    raise PydanticCustomError("date", "must be a date as YYYY-MM-DD, of the years 2000 to 2100")


def _instant(value: Any) -> dt.datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        with suppress(ValueError):
            instant = dt.datetime.fromisoformat(value.upper()).astimezone(dt.UTC)
            # Both databases keep milliseconds: the same record twice must compare equal.
            return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    raise PydanticCustomError(
        "instant", "must be an RFC 3339 instant with an offset or Z, of the years 2000 to 2100"
    )


def text(at_most: int, *, at_least: int = 0) -> StringConstraints:
    """The constraints of a line of text without control characters."""
    return StringConstraints(
        min_length=at_least, max_length=at_most, pattern=NO_CONTROLS, strict=True
    )


def _on_one_line(value: str) -> str:
    return " ".join(value.split()) if _BREAK.search(value) else value


def prose(at_most: int) -> tuple[StringConstraints, AfterValidator]:
    """The constraints of text that people type.

    Line breaks and tabs are taken, and folded to blanks. What is kept is one line, so that a cell
    of the audit, a calendar and an upstream are told the same.
    """
    taken = StringConstraints(max_length=at_most, pattern=_NO_CONTROLS_BUT_BREAKS, strict=True)
    return taken, AfterValidator(_on_one_line)


def _region(value: str) -> str:
    if region_named(value) is None:
        raise PydanticCustomError(
            "time-zone", "must be an IANA time zone of a region, such as Europe/Lisbon, or UTC"
        )
    return value


PlatformId = Annotated[
    str,
    StringConstraints(pattern=PLATFORM_ID, strict=True),
    Field(description="The platform's own id."),
]
Uuid = Annotated[str, StringConstraints(pattern=UUID)]
Currency = Annotated[
    str, StringConstraints(pattern=_CURRENCY, strict=True), Field(description="ISO 4217.")
]
Zone = Annotated[str, text(64), AfterValidator(_region)]
Date = Annotated[dt.date, BeforeValidator(_date, json_schema_input_type=dt.date)]
Moment = Annotated[dt.datetime, PlainValidator(_instant, json_schema_input_type=dt.datetime)]
