"""What the last check of the books found, in one row.

So of many workers one checks at a time, and all can tell.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import later, now
from app.db.tables import checks

_BOOKS = "books"


@dataclass(frozen=True, slots=True)
class Check:
    """The last check: when it was made, and what it found.

    `violations` says how many rows broke each rule, by its code; empty: all is well.
    """

    checked_at: dt.datetime | None
    violations: Mapping[str, int]


async def claim(conn: AsyncConnection, *, every_seconds: float) -> Check | None:
    """Take the next check on, if it is due; gives the last one.

    None: it is not due. No other worker is given it for `every_seconds`.
    """
    statement = (
        sa.update(checks)
        .where(checks.c.name == _BOOKS, checks.c.due_at <= now())
        .values(due_at=later(every_seconds))
        .returning(checks.c.checked_at, checks.c.violations)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else Check(row.checked_at, row.violations)


async def record(
    conn: AsyncConnection, checked_at: dt.datetime, violations: Mapping[str, int]
) -> None:
    """Write what a check, begun at `checked_at`, has found."""
    values = {"checked_at": checked_at, "violations": dict(violations)}
    await conn.execute(sa.update(checks).where(checks.c.name == _BOOKS).values(values))


async def last(conn: AsyncConnection) -> Check:
    """What the last check found."""
    query = sa.select(checks.c.checked_at, checks.c.violations).where(checks.c.name == _BOOKS)
    row = (await conn.execute(query)).one()
    return Check(row.checked_at, row.violations)
