"""What must hold of each refund, and of its history.

It returns its line, and its history tells how it came to be what it is.
"""

from typing import Any

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.jobs.ceilings import held_back
from app.db.jobs.entitlements import is_counted, is_paid
from app.db.tables import (
    NOT_WITHDRAWN,
    bookings,
    job_sessions,
    jobs,
    payment_lines,
    refund_history,
    refunds,
)
from app.domain.statuses import REOPENED_BY, WITHDRAWN_LINE, RefundStatus


def _line_of() -> sa.ColumnElement[bool]:
    return sa.and_(
        payment_lines.c.business_id == refunds.c.business_id,
        payment_lines.c.booking_id == refunds.c.booking_id,
        payment_lines.c.line_no == refunds.c.line_no,
    )


def _means(table: sa.Table, paid: dict[str, sa.ColumnElement[int]]) -> sa.ColumnElement[Any]:
    """What a line was paid by and how much, as one comparable value."""
    filled = [
        sa.func.coalesce(table.c[name], "") for name in ("payment_id", "currency", "account_id")
    ]
    return sa.tuple_(
        table.c.method,
        *filled,
        *(sa.func.coalesce(paid[name], 0) for name in ("amount_minor", "credits")),
    )


def _withdrawn() -> sa.ColumnElement[bool]:
    return sa.and_(
        refunds.c.status == RefundStatus.SKIPPED,
        sa.func.coalesce(refunds.c.failure_code, "") == WITHDRAWN_LINE,
    )


def line_without_refund(scope: CheckScope) -> Rows:
    """Bookings of accepted sessions that an expanded job has left without refund or reason.

    They are looked at line by line.
    """
    settled = sa.exists().where(
        refunds.c.business_id == bookings.c.business_id,
        refunds.c.booking_id == bookings.c.id,
        refunds.c.job_id == job_sessions.c.job_id,
        sa.or_(refunds.c.line_no == 0, refunds.c.line_no == payment_lines.c.line_no),
        sa.text(f"({NOT_WITHDRAWN})"),  # as the index of a booking's lines has it
    )
    source = (
        job_sessions.join(jobs, jobs.c.id == job_sessions.c.job_id)
        .join(
            bookings,
            sa.and_(
                bookings.c.business_id == job_sessions.c.business_id,
                bookings.c.session_id == job_sessions.c.session_id,
            ),
        )
        .outerjoin(
            payment_lines,
            sa.and_(
                payment_lines.c.business_id == bookings.c.business_id,
                payment_lines.c.booking_id == bookings.c.id,
                is_paid(),
            ),
        )
    )
    return (
        sa.select(text(job_sessions.c.job_id), bookings.c.id)
        .select_from(source)
        .where(
            job_sessions.c.released_at.is_(None),
            job_sessions.c.position < jobs.c.expanded_sessions,
            is_counted(by_terms=jobs.c.terms.is_not(None)),
            ~settled,
            scope.of(job_sessions.c.business_id, job_sessions.c.job_id),
        )
    )


def amounts_differ(scope: CheckScope) -> Rows:
    """Refunds that, with what is kept, are not their payment line to the cent.

    Those whose booking has left the schedule are not looked at.
    """
    still_there = sa.exists().where(
        bookings.c.business_id == refunds.c.business_id, bookings.c.id == refunds.c.booking_id
    )
    paid = {
        name: refunds.c[name] + refunds.c[f"kept_{name}"] for name in ("amount_minor", "credits")
    }
    differs = _means(refunds, paid) != _means(payment_lines, dict(payment_lines.c))
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(refunds.outerjoin(payment_lines, _line_of()))
        .where(
            refunds.c.line_no > 0,
            ~_withdrawn(),
            still_there,
            sa.or_(payment_lines.c.line_no.is_(None), differs),
            scope.of(refunds.c.business_id, refunds.c.job_id),
        )
    )


def effect_without_intent(scope: CheckScope) -> Rows:
    """Refunds that came to an upstream outcome without `submitted` having been committed before."""
    intent = sa.exists().where(
        refund_history.c.refund_id == refunds.c.id,
        refund_history.c.status == RefundStatus.SUBMITTED,
    )
    return sa.select(text(refunds.c.job_id), text(refunds.c.id)).where(
        refunds.c.status.in_(
            (
                RefundStatus.SUCCEEDED,
                RefundStatus.PROCESSING,
                RefundStatus.REJECTED,
                RefundStatus.REPLACED,
            )
        ),
        ~intent,
        ~held_back(refunds),
        scope.of(refunds.c.business_id, refunds.c.job_id),
    )


def history_disagrees(scope: CheckScope) -> Rows:
    """Refunds whose last remembered state is not the one they are in.

    One of which nothing is remembered should not have been touched yet.
    """
    last = (
        sa.select(refund_history.c.status)
        .where(refund_history.c.refund_id == refunds.c.id)
        .order_by(refund_history.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    nothing = sa.and_(
        sa.func.coalesce(refunds.c.amount_minor, 0) == 0,
        sa.func.coalesce(refunds.c.credits, 0) == 0,
    )
    untouched = sa.case(
        (sa.or_(nothing, _withdrawn()), RefundStatus.SKIPPED.value),
        (held_back(refunds), RefundStatus.REJECTED.value),
        else_=RefundStatus.PENDING.value,
    )
    return sa.select(text(refunds.c.job_id), text(refunds.c.id)).where(
        sa.func.coalesce(last, untouched) != refunds.c.status,
        scope.of(refunds.c.business_id, refunds.c.job_id),
    )


def history_turns_back(scope: CheckScope) -> Rows:
    """Refunds whose history lowers an epoch, or goes on after its end.

    It ends when money has moved, or a person has closed the refund. Stripe's word alone has a
    success looked up again, and a person may correct what they said of one they closed.
    """
    steps = (
        sa.select(
            refund_history.c.refund_id,
            refund_history.c.epoch,
            refund_history.c.status,
            refund_history.c.actor,
            sa.func.lag(refund_history.c.epoch)
            .over(partition_by=refund_history.c.refund_id, order_by=refund_history.c.id)
            .label("epoch_before"),
            sa.func.lag(refund_history.c.status)
            .over(partition_by=refund_history.c.refund_id, order_by=refund_history.c.id)
            .label("status_before"),
        )
        .join(refunds, refunds.c.id == refund_history.c.refund_id)
        .where(scope.of(refunds.c.business_id, refunds.c.job_id))
        .subquery()
    )
    reopened = sa.and_(
        steps.c.status_before == RefundStatus.SUCCEEDED,
        steps.c.status == RefundStatus.PROCESSING,
        steps.c.epoch > steps.c.epoch_before,
        steps.c.actor == REOPENED_BY,
    )
    corrected = sa.and_(
        steps.c.status_before == RefundStatus.RESOLVED,
        steps.c.status == RefundStatus.RESOLVED,
        steps.c.epoch > steps.c.epoch_before,
    )
    goes_on = sa.and_(
        steps.c.status_before.in_((RefundStatus.SUCCEEDED, RefundStatus.RESOLVED)),
        ~reopened,
        ~corrected,
    )
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(steps.join(refunds, refunds.c.id == steps.c.refund_id))
        .where(sa.or_(steps.c.epoch < steps.c.epoch_before, goes_on))
        .distinct()
    )
