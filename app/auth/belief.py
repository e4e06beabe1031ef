"""Remembers who was found in force lately, by what they sent, so that nobody is asked each time.

What was refused is never remembered.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from app.auth.callers import AnyCaller
from app.db.core.engine import Database

# Another process may put somebody out of force meanwhile; and what looks at an open stream's caller
# does so this often again.
BELIEVED_SECONDS: Final = 12.0
_MAX_BELIEVED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Believed:
    """A caller who was in force not long ago."""

    caller: AnyCaller
    until: float


# By the hash of what was sent, the longest known first: a dump of memory gives nothing away.
_Believing = OrderedDict[bytes, _Believed]
_believing: Final[WeakKeyDictionary[Database, _Believing]] = WeakKeyDictionary()


def believed(
    db: Database, authorization: str | None, *, clock: Callable[[], float] = time.monotonic
) -> AnyCaller | None:
    """The caller that the header names, where they were found in force lately.

    Asks nobody.
    """
    believing = _believing.get(db)
    token = token_of(authorization)
    known = believing.get(_digest(token)) if believing and token else None
    return known.caller if known is not None and clock() < known.until else None


def believe(db: Database, token: str, caller: AnyCaller, *, until: float) -> None:
    """Take whoever sends this token for the caller, until then by the clock of `believed`."""
    believing = _believing.setdefault(db, OrderedDict())
    believing[_digest(token)] = _Believed(caller, until)
    believing.move_to_end(_digest(token))
    if len(believing) > _MAX_BELIEVED:
        believing.popitem(last=False)


def doubt(db: Database, is_doubted: Callable[[AnyCaller], bool]) -> None:
    """Ask anew about these callers when they come again."""
    believing = _believing.get(db, OrderedDict())
    for digest in [digest for digest, one in believing.items() if is_doubted(one.caller)]:
        del believing[digest]


def token_of(authorization: str | None) -> str | None:
    """The token of an `Authorization` header (RFC 6750 §2.1), of any kind; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
