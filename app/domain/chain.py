"""How a job's chain is hashed: the same words in the databases, in tests and in documents.

A row is a JSON array of its fields, with a blank after each comma, as PostgreSQL and Python write
it. A link's hash is SHA-256 of the hash of the link before it (64 hex digits; of none: nothing) and
of the SHA-256 (64 hex digits) of its facts and of its rows, one after the other.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256


def link_hash(before: str, facts: str, rows: Iterable[Sequence[str | int | None]]) -> str:
    """The hash of the link after the one of this hash."""
    content = facts + "".join(json.dumps(list(row), ensure_ascii=False) for row in rows)
    return sha256(f"{before}{sha256(content.encode()).hexdigest()}".encode()).hexdigest()
