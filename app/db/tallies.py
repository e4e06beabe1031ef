"""Counting lines to return: what a plan promises and a job froze, by session or over all."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.driver import Row, fetch
from app.db.tables import Method

Given = Mapping[str, Any]  # the parameters of lines that were made once


def sums(source: sa.FromClause) -> tuple[sa.ColumnElement[int], ...]:
    """Of a group of lines or refunds: `count`, `amount_minor` and `credits`, 0 where there is none."""
    return (
        sa.func.count().label("count"),
        sa.cast(sa.func.coalesce(sa.func.sum(source.c.amount_minor), 0), sa.BigInteger).label("amount_minor"),
        sa.cast(sa.func.coalesce(sa.func.sum(source.c.credits), 0), sa.BigInteger).label("credits"),
    )


async def by_session_and_means(conn: AsyncConnection, lines: sa.Subquery, given: Given) -> Sequence[sa.RowMapping]:
    """Lines, amounts and credits for each session, method and currency (method `none`: nothing to return)."""
    query = sa.select(
        lines.c.session_id,
        lines.c.method,
        lines.c.currency,
        *sums(lines),
    ).group_by(lines.c.session_id, lines.c.method, lines.c.currency)
    return (await conn.execute(query, given)).mappings().all()


async def bookings_by_session(conn: AsyncConnection, lines: sa.Subquery, given: Given) -> dict[str, int]:
    """Bookings of each session."""
    query = sa.select(lines.c.session_id, sa.func.count(lines.c.booking_id.distinct())).group_by(lines.c.session_id)
    return {row[0]: row[1] for row in (await conn.execute(query, given)).all()}


async def over_all(
    conn: AsyncConnection, lines: sa.Subquery, given: Given, *, plan_anew: bool = False
) -> Sequence[Row]:
    """Lines, amounts and credits for each method and currency, with the bookings whose first line is among them.

    Each row also has the number of all `clients`. For `plan_anew` see `fetch`.
    """
    return await fetch(conn, _over_all(lines), given, plan_anew=plan_anew)


@cache
def _over_all(lines: sa.Subquery) -> sa.Select[Any]:
    read = ("method", "currency", "amount_minor", "credits", "line_no", "client_id")
    counted = sa.select(*(lines.c[name] for name in read)).cte("counted")
    # PostgreSQL hashes the rows of a SELECT DISTINCT, and would sort those of `count(DISTINCT …)`.
    clients = sa.select(counted.c.client_id).distinct().subquery()
    return sa.select(
        counted.c.method,
        counted.c.currency,
        *sums(counted),
        sa.func.count().filter(counted.c.line_no <= 1).label("bookings"),
        sa.select(sa.func.count()).select_from(clients).scalar_subquery().label("clients"),
    ).group_by(counted.c.method, counted.c.currency)


def nothing_to_return(row: Row) -> bool:
    """Whether a counted group is of bookings with nothing to return."""
    return bool(row["method"] == Method.NONE)
