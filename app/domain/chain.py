"""How a job's chain is hashed: the same words in the databases, in tests and in documents.

a field      its length in characters, a colon and itself; of nothing a hyphen alone
a link       SHA-256 of the link before it (64 hex digits; of none: nothing) and of the SHA-256
(64 hex digits) of its facts and of the fields of its rows, one after the other
"""

from collections.abc import Iterable
from hashlib import sha256


def field(value: str | int | None) -> str:
    """A field as it is hashed: no other fields, one after the other, make the same text."""
    return "-" if value is None else f"{len(str(value))}:{value}"


def link_hash(before: str, facts: str, rows: Iterable[Iterable[str | int | None]]) -> str:
    """The hash of the link after the one of this hash."""
    content = facts + "".join(field(value) for row in rows for value in row)
    return sha256(f"{before}{sha256(content.encode()).hexdigest()}".encode()).hexdigest()
