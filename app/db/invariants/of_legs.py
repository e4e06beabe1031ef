"""What must hold of legs: one follows another only after a refusal.

Together they never move more than the line.
"""

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.tables import refund_history, refunds
from app.domain.statuses import RefundStatus

_LINE = ("job_id", "business_id", "booking_id", "line_no")


def is_seen_to(leg: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether an earlier leg moved nothing that counts beside the one that followed it.

    It was refused and is only looked up once more, or a person has looked at it.
    """
    return sa.and_(
        leg.c.followed, leg.c.status.in_((RefundStatus.PROCESSING, RefundStatus.RESOLVED))
    )


def out_of_order(scope: CheckScope) -> Rows:
    """Legs that follow none which was refused, and refused legs that none follows."""
    other = refunds.alias("other")

    def beside(step: int) -> sa.ColumnElement[bool]:
        return sa.and_(
            *(other.c[name] == refunds.c[name] for name in _LINE),
            other.c.leg == refunds.c.leg + step,
        )

    refused = sa.exists().where(
        refund_history.c.refund_id == other.c.id,
        refund_history.c.status == RefundStatus.REPLACED,
    )
    after_refusal = sa.exists().where(beside(-1), other.c.followed, refused)
    return sa.select(text(refunds.c.job_id), text(refunds.c.id)).where(
        sa.or_(
            sa.and_(refunds.c.leg > 1, ~after_refusal),
            sa.and_(refunds.c.followed, ~sa.exists().where(beside(1))),
        ),
        scope.of(refunds.c.business_id, refunds.c.job_id),
    )


def more_than_the_line(scope: CheckScope) -> Rows:
    """Legs of a line that moved, or may move, more than it was to return.

    A person has looked at what is `resolved`.
    """
    leg = refunds.alias("leg")
    nothing = (RefundStatus.REPLACED, RefundStatus.SKIPPED, RefundStatus.RESOLVED)
    moved = (
        sa.select(sa.func.sum(leg.c.amount_minor))
        .where(
            *(leg.c[name] == refunds.c[name] for name in _LINE),
            leg.c.status.not_in(nothing),
            ~is_seen_to(leg),
        )
        .scalar_subquery()
    )
    return sa.select(text(refunds.c.job_id), text(refunds.c.id)).where(
        refunds.c.leg == 1,
        refunds.c.followed,
        moved > refunds.c.amount_minor,
        scope.of(refunds.c.business_id, refunds.c.job_id),
    )
