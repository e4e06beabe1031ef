"""Fresh planner statistics for young tables.

Until PostgreSQL has counted a table it takes it for empty. On a new database the first large import
and the first large job come before autovacuum's first look, and joins planned for empty tables take
time that grows with the square of their rows. Once a table has some size, autovacuum keeps up.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_YOUNG_ROWS: Final = 20_000
_MANY_SESSIONS: Final = 1_000
_OF_SCHEDULE: Final = ("sessions", "clients", "bookings", "payment_lines")
_OF_JOBS: Final = ("jobs", "job_sessions", "refunds")


async def count_schedule(conn: AsyncConnection) -> None:
    """After an import: count the schedule's tables if they are young."""
    await _count(conn, _OF_SCHEDULE)


async def analyze_young_tables(conn: AsyncConnection) -> None:
    """After an expansion: count the jobs' tables if they are young."""
    await _count(conn, _OF_JOBS)


async def count_job_sessions(conn: AsyncConnection, count: int) -> None:
    """Before an expansion of `count` sessions: count their table if they are many.

    Many of one job, of which nothing is known yet, change all plans.
    """
    if conn.dialect.name == "postgresql" and count >= _MANY_SESSIONS:
        await conn.execute(sa.text("ANALYZE job_sessions"))


async def count_young_job_sessions(conn: AsyncConnection) -> None:
    """Before many rows that refer to sessions of one new job: count their table if it is young."""
    await _count(conn, ("job_sessions",))


async def _count(conn: AsyncConnection, tables: tuple[str, ...]) -> None:
    if conn.dialect.name != "postgresql":
        return
    listed = ", ".join(f"'{table}'::regclass" for table in tables)
    young = f"SELECT relname FROM pg_class WHERE oid IN ({listed}) AND reltuples < {_YOUNG_ROWS}"  # noqa: S608 - our words
    names = (await conn.execute(sa.text(young))).scalars().all()
    if names:
        await conn.execute(sa.text(f"ANALYZE {', '.join(names)}"))
