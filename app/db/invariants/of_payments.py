"""What must hold of each payment, and of each account for a booking.

Never more is given back than was paid.
"""

from typing import Any

import sqlalchemy as sa

from app.db.invariants.of_legs import is_seen_to
from app.db.invariants.scope import CheckScope, Rows, text
from app.db.jobs.ceilings import amount_of, key_columns
from app.db.tables import ceilings, refunds
from app.domain.statuses import RefundStatus

_KEY = [column.name for column in ceilings.primary_key]


def more_than_was_paid(scope: CheckScope) -> Rows:
    """The last refund of what is given back more than was paid or is claimed.

    All that is given back counts, over all jobs.
    """
    live = sa.union_all(
        _of_the_same(scope, "payment_id"),
        _of_the_same(scope, "account_id", "booking_id"),
    ).subquery("live")
    key = [live.c[name] for name in _KEY]
    sums = (
        sa.select(
            *key,
            sa.func.sum(live.c.amount).label("amount"),
            sa.func.max(live.c.refund_id).label("last"),
        )
        .group_by(*key)
        .subquery("sums")
    )
    under = sa.and_(*(ceilings.c[name] == sums.c[name] for name in _KEY))
    lower = sa.case(
        (ceilings.c.claimed < ceilings.c.paid, ceilings.c.claimed), else_=ceilings.c.paid
    )
    last = refunds.alias("last")
    return (
        sa.select(text(last.c.job_id), text(last.c.id))
        .select_from(
            sums.outerjoin(ceilings, under).join(
                last, last.c.id == sa.cast(sums.c.last, last.c.id.type)
            )
        )
        .where(sums.c.amount > sa.func.coalesce(lower, 0))
    )


def _of_the_same(scope: CheckScope, *subject: str) -> sa.Select[Any]:
    """All refunds, of any job, of the payments or accounts that the scope's refunds name.

    What came to its end without ever having been sent has given nothing back, and may claim
    nothing.
    """
    named = (
        sa.select(refunds.c.business_id, *(refunds.c[name] for name in subject))
        .where(
            refunds.c[subject[0]].is_not(None), scope.of(refunds.c.business_id, refunds.c.job_id)
        )
        .distinct()
        .subquery("named")
    )
    every = refunds.alias("every")
    same = (every.c[name] == named.c[name] for name in ("business_id", *subject))
    return (
        sa.select(
            *key_columns(every),
            amount_of(every).label("amount"),
            text(every.c.id).label("refund_id"),
        )
        .select_from(named.join(every, sa.and_(*same)))
        .where(
            every.c.status.not_in((RefundStatus.SKIPPED, RefundStatus.REPLACED)),
            ~is_seen_to(every),
            ~sa.and_(
                every.c.status.in_((RefundStatus.REJECTED, RefundStatus.RESOLVED)),
                every.c.attempts == 0,
            ),
        )
    )
