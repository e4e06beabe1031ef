"""Counting lines to return: what a plan promises and a job froze, by session or over all."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import Method


def sums(source: sa.FromClause) -> tuple[sa.ColumnElement[int], ...]:
    """Of a group of lines or refunds: `count`, `amount_minor` and `credits`, 0 where there is none."""
    return (
        sa.func.count().label("count"),
        sa.cast(sa.func.coalesce(sa.func.sum(source.c.amount_minor), 0), sa.BigInteger).label("amount_minor"),
        sa.cast(sa.func.coalesce(sa.func.sum(source.c.credits), 0), sa.BigInteger).label("credits"),
    )


async def by_session_and_means(conn: AsyncConnection, lines: sa.Subquery) -> Sequence[sa.RowMapping]:
    """Lines, amounts and credits for each session, method and currency (method `none`: nothing to return)."""
    query = sa.select(
        lines.c.session_id,
        lines.c.method,
        lines.c.currency,
        *sums(lines),
    ).group_by(lines.c.session_id, lines.c.method, lines.c.currency)
    return (await conn.execute(query)).mappings().all()


async def bookings_by_session(conn: AsyncConnection, lines: sa.Subquery) -> dict[str, int]:
    """Bookings of each session."""
    query = sa.select(lines.c.session_id, sa.func.count(lines.c.booking_id.distinct())).group_by(lines.c.session_id)
    return {row[0]: row[1] for row in (await conn.execute(query)).all()}


async def over_all(conn: AsyncConnection, lines: sa.Subquery) -> Sequence[sa.RowMapping]:
    """Lines, amounts and credits for each method and currency."""
    query = sa.select(
        lines.c.method,
        lines.c.currency,
        *sums(lines),
    ).group_by(lines.c.method, lines.c.currency)
    return (await conn.execute(query)).mappings().all()


async def people(conn: AsyncConnection, lines: sa.Subquery) -> tuple[int, int]:
    """Bookings and clients among the lines."""
    query = sa.select(sa.func.count(lines.c.booking_id.distinct()), sa.func.count(lines.c.client_id.distinct()))
    bookings, clients = (await conn.execute(query)).one()
    return int(bookings), int(clients)


def nothing_to_return(row: sa.RowMapping) -> bool:
    """Whether a counted group is of bookings with nothing to return."""
    return bool(row["method"] == Method.NONE)
