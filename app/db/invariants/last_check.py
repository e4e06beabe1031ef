"""What the last check of the books, and that of the chains, have found: a row each.

So of many workers one checks at a time, and all can tell.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import later, now
from app.db.tables import checks


class Checked(StrEnum):
    """What is checked now and then."""

    BOOKS = "books"
    CHAINS = "chains"


@dataclass(frozen=True, slots=True)
class Check:
    """The last check: when it was made, and what it found.

    `violations` says how many rows broke each rule, by its code; empty: all is well. `progress`:
    how far the next one has come, where it is under way.
    """

    checked_at: dt.datetime | None
    violations: Mapping[str, int]
    progress: Mapping[str, Any] | None = None


_COLUMNS = (checks.c.checked_at, checks.c.violations, checks.c.progress)


async def claim(
    conn: AsyncConnection, what: Checked = Checked.BOOKS, *, every_seconds: float
) -> Check | None:
    """Take the next check on, if it is due; gives the last one.

    None: it is not due. No other worker is given it for `every_seconds`.
    """
    statement = (
        sa.update(checks)
        .where(checks.c.name == what, checks.c.due_at <= now())
        .values(due_at=later(every_seconds))
        .returning(*_COLUMNS)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else Check(*row)


async def record(
    conn: AsyncConnection,
    checked_at: dt.datetime | None,
    violations: Mapping[str, int],
    what: Checked = Checked.BOOKS,
    *,
    progress: Mapping[str, Any] | None = None,
) -> None:
    """Write what a check, begun at `checked_at`, has found, and how far the next has come."""
    found = sa.update(checks).where(checks.c.name == what)
    await conn.execute(
        found.values(
            checked_at=checked_at,
            violations=dict(violations),
            progress=sa.null() if progress is None else dict(progress),
        )
    )


async def put_off(conn: AsyncConnection, what: Checked, *, seconds: float) -> None:
    """Have the next check be due in so many seconds."""
    due = sa.update(checks).where(checks.c.name == what)
    await conn.execute(due.values(due_at=later(seconds)))


async def last(conn: AsyncConnection, what: Checked = Checked.BOOKS) -> Check:
    """What the last check found."""
    row = (await conn.execute(sa.select(*_COLUMNS).where(checks.c.name == what))).one()
    return Check(*row)
