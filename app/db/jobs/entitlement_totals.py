"""Counting lines to return: what a plan promises and a job froze.

They are counted by session, or over all.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Row, fetch
from app.db.tables import payment_lines
from app.domain.statuses import Method

_ROWS_AT_ONCE: Final = 1_000
Given = Mapping[str, Any]  # the parameters of lines that were made once


def sums(source: sa.FromClause) -> tuple[sa.ColumnElement[int], ...]:
    """Of a group of lines or refunds: counts and sums, 0 for none.

    `count` is of all, `to_return` of those that have something to return. What is returned is
    `amount_minor` and `credits`, what is kept `kept_amount_minor` and `kept_credits`.
    """
    something = sa.or_(source.c.amount_minor > 0, source.c.credits > 0)
    added = (
        sa.cast(sa.func.coalesce(sa.func.sum(source.c[name]), 0), sa.BigInteger).label(name)
        for name in ("amount_minor", "credits", "kept_amount_minor", "kept_credits")
    )
    return (
        sa.func.count().label("count"),
        sa.func.count().filter(something).label("to_return"),
        *added,
    )


async def by_session_and_means(
    conn: AsyncConnection, lines: sa.Subquery, given: Given
) -> Sequence[sa.RowMapping]:
    """Lines, amounts and credits for each session, method and currency.

    Under the method `none` there is nothing to return.
    """
    query = sa.select(
        lines.c.session_id,
        lines.c.method,
        lines.c.currency,
        *sums(lines),
    ).group_by(lines.c.session_id, lines.c.method, lines.c.currency)
    return [row async for part in _parts(conn, query, given) for row in part]


async def _parts(
    conn: AsyncConnection, query: sa.Select[Any], given: Given
) -> AsyncGenerator[Sequence[sa.RowMapping]]:
    """The rows of what may be many thousand sessions, in parts.

    The loop would wait for all at once.
    """
    async with conn.stream(query, given) as rows:
        async for part in rows.mappings().partitions(_ROWS_AT_ONCE):
            yield part
            await asyncio.sleep(0)


async def bookings_by_session(
    conn: AsyncConnection, lines: sa.Subquery, given: Given
) -> dict[str, int]:
    """Bookings of each session."""
    counted = sa.func.count(lines.c.booking_id.distinct()).label("bookings")
    query = sa.select(lines.c.session_id, counted).group_by(lines.c.session_id)
    return {
        row["session_id"]: row["bookings"]
        async for part in _parts(conn, query, given)
        for row in part
    }


async def over_all(
    conn: AsyncConnection, lines: sa.Subquery, given: Given, *, plan_anew: bool = False
) -> Sequence[Row]:
    """Lines, amounts and credits for each method and currency.

    Each row also has the number of all `bookings` and `clients`. For `plan_anew` see `fetch`.
    """
    return await fetch(conn, _over_all(lines), given, plan_anew=plan_anew)


@cache
def _over_all(lines: sa.Subquery) -> sa.Select[Any]:
    sums_of = ("amount_minor", "credits", "kept_amount_minor", "kept_credits")
    read = ("method", "currency", *sums_of, "booking_id", "client_id")
    counted = sa.select(*(lines.c[name] for name in read)).cte("counted")
    # PostgreSQL hashes the rows of a SELECT DISTINCT, and would sort those of `count(DISTINCT …)`.
    bookings = sa.select(counted.c.booking_id, counted.c.client_id).distinct().cte("booked")
    clients = sa.select(bookings.c.client_id).distinct().subquery()
    return sa.select(
        counted.c.method,
        counted.c.currency,
        *sums(counted),
        sa.select(sa.func.count()).select_from(bookings).scalar_subquery().label("bookings"),
        sa.select(sa.func.count()).select_from(clients).scalar_subquery().label("clients"),
    ).group_by(counted.c.method, counted.c.currency)


async def shared_payments(
    conn: AsyncConnection, lines: sa.Subquery, given: Given
) -> Sequence[sa.RowMapping]:
    """By currency: payments of the lines to return that other bookings name, too.

    How many they are, and what is returned of them. Bookings of the whole business count, whether
    they are chosen or not.
    """
    rows: Sequence[sa.RowMapping] = (
        (await conn.execute(_shared_payments(lines), given)).mappings().all()
    )
    return rows


@cache
def _shared_payments(lines: sa.Subquery) -> sa.Select[Any]:
    columns = (
        lines.c[name]
        for name in ("business_id", "booking_id", "payment_id", "currency", "amount_minor")
    )
    named = (
        sa.select(*columns)
        .where(lines.c.method == Method.PAYMENT.value, lines.c.amount_minor > 0)
        .cte("named")
        .prefix_with("MATERIALIZED")
    )
    # As a value, and not by EXISTS: of that PostgreSQL may make a join with all payment lines of
    # the business.
    another = (
        sa.select(payment_lines.c.booking_id)
        .where(
            payment_lines.c.business_id == named.c.business_id,
            payment_lines.c.payment_id == named.c.payment_id,
            payment_lines.c.booking_id != named.c.booking_id,
            payment_lines.c.amount_minor > 0,
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(
            named.c.currency,
            sa.func.count(named.c.payment_id.distinct()).label("count"),
            sa.cast(sa.func.sum(named.c.amount_minor), sa.BigInteger).label("amount_minor"),
        )
        .where(another.is_not(None))
        .group_by(named.c.currency)
        .order_by(named.c.currency)
    )
