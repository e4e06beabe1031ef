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
_FOUND: Final = "SELECT relname, pg_has_role(relowner, 'USAGE') FROM pg_class"
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
    if count >= _MANY_SESSIONS:
        await _count(conn, ("job_sessions",), rows=None)


async def count_young_job_sessions(conn: AsyncConnection) -> None:
    """Before many rows that refer to sessions of one new job: count their table if it is young."""
    await _count(conn, ("job_sessions",))


async def _count(
    conn: AsyncConnection, tables: tuple[str, ...], *, rows: int | None = _YOUNG_ROWS
) -> None:
    """Count those that have fewer `rows`; None: all."""
    if conn.dialect.name != "postgresql":
        return
    listed = ", ".join(f"'{table}'::regclass" for table in tables)
    fewer = "" if rows is None else f" AND reltuples < {rows}"
    young = f"{_FOUND} WHERE oid IN ({listed}){fewer}"
    found = (await conn.execute(sa.text(young))).all()
    if own := [name for name, is_own in found if is_own]:
        await conn.execute(sa.text(f"ANALYZE {', '.join(own)}"))
    for name, is_own in found:
        if not is_own:  # it is asked of who owns it (`db.isolate`)
            await conn.execute(sa.text("SELECT count_table(:name)"), {"name": name})
