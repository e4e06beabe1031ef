"""Checks the chain of an audit CSV that was kept: by its own bytes, whichever build wrote it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from app.domain.texts.csv_cells import BOM, LINE_HASH
from app.domain.texts.line_chain import OUTSIDE

_CELLS: Final = re.compile(rb'(?:^|,)("(?:[^"]|"")*"|[^",]*)')
_END: Final = b"\r\n"


class BrokenAudit(ValueError):  # noqa: N818 - what the file is
    """A file that is no whole audit of ours, or was changed; it says where."""


@dataclass(frozen=True, slots=True)
class CheckedAudit:
    """An audit whose chain holds: its lines after the header, and the hash of the last."""

    lines: int
    line_hash: str


def check(lines: Iterable[bytes]) -> CheckedAudit:
    """Follow the chain through a file's lines, each with its end.

    Raises:
        BrokenAudit: at the first line whose hash is not that of what is before it.
    """
    rest = iter(lines)
    header = next(rest, b"").removeprefix(BOM)
    if not header.endswith(_END):
        raise BrokenAudit("It is no audit CSV: it has no header line that ends with CRLF.")
    header = header.removesuffix(_END)
    names = header.decode("utf-8", "replace").split(",")
    if names[-1] != LINE_HASH:
        which = "followed, and has no proof" if LINE_HASH in names else "of a build without hashes"
        raise BrokenAudit(f"Its last column is not `{LINE_HASH}`: the audit was {which}.")
    outside = [names.index(name) for name in OUTSIDE if name in names]
    head, count = sha256(header).hexdigest(), 0
    for count, line in enumerate(rest, 1):
        head = _next_hash(head, line, len(names), outside, count)
    return CheckedAudit(count, head)


def _next_hash(before: str, line: bytes, columns: int, outside: list[int], number: int) -> str:
    where = f"Line {number} after the header"
    if not line.endswith(_END):
        raise BrokenAudit(f"{where} is cut off: the file is not whole.")
    line = line.removesuffix(_END)
    cells = _CELLS.findall(line)
    if len(cells) != columns or b",".join(cells) != line:
        raise BrokenAudit(f"{where} has other cells than the header names.")
    for place in outside:
        cells[place] = b""
    hashed = sha256(before.encode() + b",".join(cells[:-1])).hexdigest()
    if cells[-1] != f'"{hashed}"'.encode():
        raise BrokenAudit(
            f"{where} has another hash than its content has after the line before it: one of both "
            "was changed, left out, put in or moved."
        )
    return hashed
