"""Counting lines to return: what a plan promises and a job froze.

They are counted by session, or over all.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import fetch
from app.db.tables import payment_lines
from app.domain.statuses import Method, RefundForm

_ROWS_AT_ONCE: Final = 1_000
_UNSEEN: Final = frozenset({"position", "is_asked"})  # the latter the terms say
_METHOD: Final = {str(method): method for method in Method}  # a call for each takes longer
Parameters = Mapping[str, Any]  # the parameters of lines that were made once


class LineGroup(NamedTuple):
    """Lines, or refunds, of one method and currency, as `sums` counts and adds them.

    `kept_by`, `returned_as`: of one rule and form as well, where they were asked for by rule.
    """

    method: Method
    currency: str | None
    lines: int
    to_return: int
    amount_minor: int
    credits: int
    kept_amount_minor: int
    kept_credits: int
    kept_by: str | None = None
    returned_as: str = RefundForm.ORIGINAL


class LineTotals(NamedTuple):
    """All lines, of how many bookings and clients they are."""

    bookings: int
    clients: int
    groups: Sequence[LineGroup]


class SharedPayments(NamedTuple):
    """Payments of one currency that other bookings name, too, and what is returned of them."""

    currency: str
    payments: int
    amount_minor: int


class SeenLine(NamedTuple):
    """A line as a plan sees it; its digest is made of `values`."""

    session_id: str
    booking_id: str
    skip_reason: str | None
    values: tuple[Any, ...]


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


def line_group(method: str, *rest: Any) -> LineGroup:
    """The group that a row of method, currency, `sums`, rule and form is."""
    return LineGroup(_METHOD[method], *rest)


async def in_parts(
    conn: AsyncConnection, lines: sa.Subquery, parameters: Parameters
) -> AsyncGenerator[list[SeenLine]]:
    """All lines by session, booking and number, up to 1,000 at a time."""
    columns = [column for column in lines.c if column.name not in _UNSEEN]
    names = [column.name for column in columns]
    session, booking, reason = map(names.index, ("session_id", "booking_id", "skip_reason"))
    query = sa.select(*columns).order_by(lines.c.session_id, lines.c.booking_id, lines.c.line_no)
    async with conn.stream(query, parameters) as rows:
        async for part in rows.partitions(_ROWS_AT_ONCE):
            yield [
                SeenLine(values[session], values[booking], values[reason], values)
                for values in map(tuple, part)
            ]


async def by_session(
    conn: AsyncConnection, lines: sa.Subquery, parameters: Parameters, *, by_rule: bool
) -> dict[str, list[LineGroup]]:
    """Lines, amounts and credits of each session, for each method and currency.

    `by_rule`: and for each rule that keeps something, and form.
    Under the method `none` there is nothing to return.
    """
    rule = [lines.c.kept_by, lines.c.returned_as] if by_rule else []
    key = (lines.c.session_id, lines.c.method, lines.c.currency)
    query = sa.select(*key, *sums(lines), *rule).group_by(*key, *rule)
    groups: dict[str, list[LineGroup]] = {}
    async with conn.stream(query, parameters) as rows:
        # The loop would wait for all of what may be many thousand sessions at once.
        async for part in rows.partitions(_ROWS_AT_ONCE):
            for session_id, method, *rest in part:
                groups.setdefault(session_id, []).append(LineGroup(_METHOD[method], *rest))
            await asyncio.sleep(0)
    return groups


async def over_all(
    conn: AsyncConnection,
    lines: sa.Subquery,
    parameters: Parameters,
    *,
    by_rule: bool,
    plan_anew: bool = False,
) -> LineTotals:
    """Lines, amounts and credits for each method and currency, and `by_rule` as `by_session`.

    For `plan_anew` see `fetch`.
    """
    rows = await fetch(conn, _over_all(lines, by_rule=by_rule), parameters, plan_anew=plan_anew)
    bookings = clients = 0
    groups = []
    for row in rows:
        bookings, clients, *group = row.values()  # the same in each
        groups.append(line_group(*group))
    return LineTotals(bookings, clients, groups)


@cache
def _over_all(lines: sa.Subquery, *, by_rule: bool) -> sa.Select[Any]:
    sums_of = ("amount_minor", "credits", "kept_amount_minor", "kept_credits")
    rule = ("kept_by", "returned_as") if by_rule else ()
    read = ("method", "currency", *rule, *sums_of, "booking_id", "client_id")
    counted = sa.select(*(lines.c[name] for name in read)).cte("counted")
    # PostgreSQL hashes the rows of a SELECT DISTINCT, and would sort those of `count(DISTINCT …)`.
    bookings = sa.select(counted.c.booking_id, counted.c.client_id).distinct().cte("booked")
    clients = sa.select(bookings.c.client_id).distinct().subquery()
    key = (counted.c.method, counted.c.currency)
    by = [counted.c[name] for name in rule]
    return sa.select(
        sa.select(sa.func.count()).select_from(bookings).scalar_subquery().label("bookings"),
        sa.select(sa.func.count()).select_from(clients).scalar_subquery().label("clients"),
        *key,
        *sums(counted),
        *by,
    ).group_by(*key, *by)


async def shared_payments(
    conn: AsyncConnection, lines: sa.Subquery, parameters: Parameters
) -> list[SharedPayments]:
    """By currency: payments of the lines to return that other bookings name, too.

    How many they are, and what is returned of them. Bookings of the whole business count, whether
    they are chosen or not.
    """
    rows = await conn.execute(_shared_payments(lines), parameters)
    return [SharedPayments(*row) for row in rows.all()]


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
