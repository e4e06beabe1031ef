"""The payments to be refunded, and how much of each.

What comes back as store credit is no payment's. Amounts are what the terms return, not what was
paid. All lines count towards what a payment and a currency need, whether they are among those that
are read or not.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import clients
from app.domain.nouns.terms import OwedLine
from app.domain.statuses import Method, RefundForm

_OF_LINE: Final = (
    "business_id",
    "session_id",
    "booking_id",
    "client_id",
    "line_no",
    "payment_id",
    "amount_minor",
    "currency",
    "returned_as",
)


class CurrencyNeed(NamedTuple):
    """Lines of money to return of one currency and form, counted and summed."""

    currency: str
    returned_as: str
    lines: int
    amount_minor: int


async def needs_by_currency(
    conn: AsyncConnection, lines: sa.Subquery, parameters: Mapping[str, Any]
) -> list[CurrencyNeed]:
    """What there has to be to return all of it, by currency and form."""
    rows = await conn.execute(_needs(lines), parameters)
    return [CurrencyNeed(*row) for row in rows.all()]


async def lines_of_payments(
    conn: AsyncConnection, lines: sa.Subquery, parameters: Mapping[str, Any], *, most: int
) -> Sequence[OwedLine]:
    """The lines of whole payments, together at most so many; of the largest sums first.

    A payment's lines come one after the other.
    """
    rows = await conn.execute(_of_payments(lines), {**parameters, "most_lines": most})
    return [OwedLine(*row) for row in rows.all()]


def _owed(lines: sa.Subquery) -> sa.CTE:
    return (
        sa.select(*(lines.c[name] for name in _OF_LINE))
        .where(lines.c.method == Method.PAYMENT.value, lines.c.amount_minor > 0)
        .cte("owed")
        .prefix_with("MATERIALIZED")
    )


@cache
def _needs(lines: sa.Subquery) -> sa.Select[Any]:
    owed = _owed(lines)
    return (
        sa.select(
            owed.c.currency,
            owed.c.returned_as,
            sa.func.count(),
            sa.cast(sa.func.sum(owed.c.amount_minor), sa.BigInteger),
        )
        .group_by(owed.c.currency, owed.c.returned_as)
        .order_by(owed.c.currency)
    )


@cache
def _of_payments(lines: sa.Subquery) -> sa.Select[Any]:
    owed = _owed(lines)
    is_refunded = owed.c.returned_as == RefundForm.ORIGINAL.value
    most = sa.bindparam("most_lines", type_=sa.Integer)
    payments = (
        sa.select(
            owed.c.payment_id,
            sa.func.sum(owed.c.amount_minor).label("needed"),
            sa.func.count().label("lines"),
        )
        .where(is_refunded)
        .group_by(owed.c.payment_id)
        .having(sa.func.count() <= most)  # one of more lines would leave no room for any other
        .cte("payments")
    )
    largest_first = (payments.c.needed.desc(), payments.c.payment_id)
    ranked = sa.select(
        payments.c.payment_id,
        payments.c.needed,
        sa.func.sum(payments.c.lines).over(order_by=largest_first).label("lines_so_far"),
    ).subquery("ranked")
    return (
        sa.select(
            owed.c.session_id,
            owed.c.booking_id,
            owed.c.client_id,
            clients.c.name,
            owed.c.line_no,
            owed.c.payment_id,
            owed.c.amount_minor,
            owed.c.currency,
        )
        .select_from(
            sa.join(owed, ranked, owed.c.payment_id == ranked.c.payment_id).outerjoin(
                clients,
                sa.and_(
                    clients.c.business_id == owed.c.business_id, clients.c.id == owed.c.client_id
                ),
            )
        )
        .where(ranked.c.lines_so_far <= most, is_refunded)
        .order_by(
            ranked.c.needed.desc(),
            owed.c.payment_id,
            owed.c.session_id,
            owed.c.booking_id,
            owed.c.line_no,
        )
    )
