"""How the audit's cells become bytes (RFC 4180, CRLF).

They are the same whether PostgreSQL or we write them. Text is in quotes, and so stays text in
readers that guess types (`00123`); numbers and instants are bare; a cell that holds nothing is
empty and bare, which PostgreSQL's COPY reads as NULL. A line holds no line break but its end.
"""

from collections.abc import Sequence
from typing import Final

COLUMNS: Final = (
    "job_id", "session_id", "session_name", "session_starts_at", "location", "instructor",
    "booking_id", "client_id", "client_name", "client_email", "refund_id", "method", "amount",
    "currency", "credits", "status", "upstream_reference", "attempts", "failure_code",
    "failure_detail", "reason", "requested_by", "requested_at", "settled_at",
    "session_starts_local", "timezone", "paid_amount", "kept_amount", "kept_by", "resolved_amount",
    "returned_as", "leg", "expires_before", "expires_after", "overridden_by", "override_note",
    "bonus_amount", "message_status", "approved_by", "approved_at", "approved_digest",
)  # fmt: skip
# In decimal.
NUMBERS: Final = frozenset(
    {"amount", "credits", "attempts", "paid_amount", "kept_amount", "resolved_amount", "leg"}
    | {"bonus_amount"}
)
INSTANTS: Final = frozenset(
    {"session_starts_at", "requested_at", "settled_at", "expires_before", "expires_after"}
    | {"approved_at"}
)
LOCAL_TIMES: Final = frozenset({"session_starts_local"})
_BARE: Final = NUMBERS | INSTANTS | LOCAL_TIMES  # nothing in them is ever to be quoted
BOM: Final = b"\xef\xbb\xbf"
LINE_HASH: Final = "line_hash"  # after all columns, those of later too (`line_chain`)
_OUTCOME: Final = "outcome"

QUOTED: Final = tuple(name for name in COLUMNS if name not in _BARE)
_IS_BARE: Final = (*(name in _BARE for name in COLUMNS), False, True)


def header(*, bom: bool = False, numbered: bool = False) -> bytes:
    """The header line.

    With `bom` a UTF-8 mark is before it; `numbered` is for lines that end with the number of their
    outcome.
    """
    names = (*COLUMNS, LINE_HASH, _OUTCOME) if numbered else (*COLUMNS, LINE_HASH)
    return (BOM if bom else b"") + ",".join(names).encode() + b"\r\n"


def text_of(row: Sequence[str | None]) -> str:
    """A row of the audit's columns as a line.

    It may have the line's hash after them, and then the number of its outcome.
    """
    cells = (
        "" if not cell else cell if bare else '"' + cell.replace('"', '""') + '"'
        for cell, bare in zip(row, _IS_BARE, strict=False)
    )
    return ",".join(cells) + "\r\n"
