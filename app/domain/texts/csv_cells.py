"""How the audit's cells become bytes (RFC 4180, CRLF).

They are the same whether PostgreSQL or we write them. Text is in quotes, and so stays text in
readers that guess types (`00123`); numbers and instants are bare; a cell that holds nothing is
empty and bare, which PostgreSQL's COPY reads as NULL. A line holds no line break but its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

COLUMNS: Final = (
    "job_id", "session_id", "session_name", "session_starts_at", "location", "instructor",
    "booking_id", "client_id", "client_name", "client_email", "refund_id", "method", "amount",
    "currency", "credits", "status", "upstream_reference", "attempts", "failure_code",
    "failure_detail", "reason", "requested_by", "requested_at", "settled_at",
    "session_starts_local", "timezone", "paid_amount", "kept_amount", "kept_by", "resolved_amount",
    "returned_as", "leg", "expires_before", "expires_after", "overridden_by", "override_note",
    "bonus_amount", "message_status",
)  # fmt: skip
# In decimal.
NUMBERS: Final = frozenset(
    {"amount", "credits", "attempts", "paid_amount", "kept_amount", "resolved_amount", "leg"}
    | {"bonus_amount"}
)
INSTANTS: Final = frozenset(
    {"session_starts_at", "requested_at", "settled_at", "expires_before", "expires_after"}
)
LOCAL_TIMES: Final = frozenset({"session_starts_local"})
_BARE: Final = NUMBERS | INSTANTS | LOCAL_TIMES  # nothing in them is ever to be quoted
_BOM: Final = b"\xef\xbb\xbf"
_OUTCOME: Final = "outcome"

QUOTED: Final = tuple(name for name in COLUMNS if name not in _BARE)
_IS_BARE: Final = (*(name in _BARE for name in COLUMNS), True)


def header(*, bom: bool = False, numbered: bool = False) -> bytes:
    """The header line.

    With `bom` a UTF-8 mark is before it; `numbered` is for lines that end with the number of their
    outcome.
    """
    names = (*COLUMNS, _OUTCOME) if numbered else COLUMNS
    return (_BOM if bom else b"") + ",".join(names).encode() + b"\r\n"


def lines_of(rows: Iterable[Sequence[str | None]]) -> bytes:
    """Rows of the audit's columns as lines.

    A row may have the number of its outcome after them.
    """
    text = "".join(
        ",".join(
            "" if not cell else cell if bare else '"' + cell.replace('"', '""') + '"'
            for cell, bare in zip(row, _IS_BARE, strict=False)
        )
        + "\r\n"
        for row in rows
    )
    return text.encode()


def line_of(cells: Mapping[str, str]) -> bytes:
    """One line, with these cells where there is a column of their name."""
    return lines_of([[cells.get(name) for name in COLUMNS]])


def lines_of_copy(block: bytes) -> bytes:
    """What PostgreSQL's COPY has written, with the ends of lines of RFC 4180.

    No cell holds a line break.
    """
    return block.replace(b"\n", b"\r\n")
