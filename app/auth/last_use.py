"""When keys were last used: noted in memory, written in groups, never while a request waits."""

import datetime as dt
from typing import Final
from weakref import WeakKeyDictionary

from app.db.access import keys
from app.db.core.engine import Database

EVERY_SECONDS: Final = 60.0
# The use of a key is written at most once in so long, and is known as exactly.
APART: Final = dt.timedelta(minutes=5)
_AT_ONCE: Final = 500

_noted: Final[WeakKeyDictionary[Database, set[str]]] = WeakKeyDictionary()


def note(db: Database, prefix: str, *, last: dt.datetime | None, at: dt.datetime) -> None:
    """Remember that a key is in use, where its `last` use was written long before `at`."""
    if last is None or at - last >= APART:
        _noted.setdefault(db, set()).add(prefix)


async def write_noted(db: Database) -> None:
    """Write what was noted since the last time; what can't be written is tried the next time."""
    noted = sorted(_noted.pop(db, ()))
    while noted:
        some = noted[:_AT_ONCE]
        try:
            async with db.write(across=True) as conn:
                await keys.note_uses(conn, some, older_than_seconds=APART.total_seconds())
        except BaseException:
            _noted.setdefault(db, set()).update(noted)
            raise
        noted = noted[_AT_ONCE:]
