"""The chain over an audit's lines: each line's hash is over the hash before it, and the line.

A line that is changed, left out, put in or moved breaks the chain there. What a line is hashed
without (`OUTSIDE`) may be taken out of old audits, or changes after a job's end: the hashes of a
job's lines stay as they are when a client is erased.

    before the first line    SHA-256 of the header line, without its end and without a UTF-8 mark
    of each line             SHA-256 of the hash before it (64 hex digits) and the line's bytes up
                             to the comma before its hash, with the cells of `OUTSIDE` empty
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from app.domain.texts import csv_cells
from app.domain.texts.csv_cells import COLUMNS

# What names a person, what is free text about one, and what mails go on to change.
OUTSIDE: Final = (
    *("client_name", "client_email", "failure_detail", "override_note", "message_status"),
)
# Stands before and after each such cell that PostgreSQL writes; no cell holds one.
MARK: Final = "\x1f"

_PLACES: Final = tuple(COLUMNS.index(name) for name in OUTSIDE)
_MARK: Final = MARK.encode()
_MARKED: Final = re.compile(b'"%b[^%b]*%b"' % (_MARK, _MARK, _MARK))
_MARKED_EMPTY: Final = b'"%b%b"' % (_MARK, _MARK)
_USUAL: Final = 5  # parts of a line with two marked cells
_BETWEEN: Final = b'","'  # of which one follows the other
_ENDED: Final = b'%b%b%b%b%b,"%b"\r\n'


class LineChain:
    """The chain of one audit, as its lines go out."""

    def __init__(self, *, numbered: bool = False) -> None:
        """`numbered`: as `csv_cells.header` has it."""
        self.count = 0
        self._hash = sha256(csv_cells.header(numbered=numbered).removesuffix(b"\r\n")).hexdigest()

    @property
    def head(self) -> str:
        """The hash of the last line so far; of none, what is before the first."""
        return self._hash

    def add_copied(self, block: bytes) -> bytes:
        """Whole lines that PostgreSQL's COPY has written, marked; returns them as they go out.

        Most have a name and an address, and no other cell that is marked: for these there is a way
        of their own, which takes half the time.
        """
        ended: list[bytes] = []
        before = self._hash.encode()
        for line in block.split(b"\n")[:-1]:
            parts = line.split(_MARK)
            if len(parts) == _USUAL and parts[1] and parts[2] == _BETWEEN and parts[3]:
                first, name, between, email, last = parts
                before = sha256(before + first[:-1] + b"," + last[1:]).hexdigest().encode()
                ended.append(_ENDED % (first, name, between, email, last, before))
            else:
                before = sha256(before + _MARKED.sub(b"", line)).hexdigest().encode()
                plain = line.replace(_MARKED_EMPTY, b"").replace(_MARK, b"")
                ended.append(_ENDED % (plain, b"", b"", b"", b"", before))
        self._hash = before.decode()
        self.count += len(ended)
        return b"".join(ended)

    def add_rows(self, rows: Iterable[Sequence[str | None]]) -> bytes:
        """Rows of the audit's columns as lines; each may have its outcome's number after them."""
        lines = []
        for row in rows:
            cells, after = list(row[: len(COLUMNS)]), row[len(COLUMNS) :]
            hashed = self.hash_of(cells)
            lines.append(csv_cells.text_of([*cells, hashed, *after]))
        return "".join(lines).encode()

    def hash_of(self, cells: Sequence[str | None]) -> str:
        """The hash of the next line, which has these cells."""
        bare = list(cells)
        for place in _PLACES:
            bare[place] = None
        line = csv_cells.text_of(bare).removesuffix("\r\n")
        self._hash = sha256(f"{self._hash}{line}".encode()).hexdigest()
        self.count += 1
        return self._hash
