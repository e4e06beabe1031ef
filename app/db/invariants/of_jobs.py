"""What must hold of a job as a whole.

Its rows are as many and as much as it promised, and it ends when they do.
"""

import sqlalchemy as sa

from app.db.core.dialect import later
from app.db.invariants.scope import CheckScope, Rows, text
from app.db.jobs.ceilings import is_owed
from app.db.jobs.entitlement_totals import sums
from app.db.tables import jobs, refunds
from app.domain.statuses import IN_PROCESS, JobStatus, Method, RefundStatus

_ENDED = jobs.c.status.in_((JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_FAILURES))


def totals_differ(scope: CheckScope) -> Rows:
    """Jobs whose refund rows are not as many as were promised."""
    first_legs = (refunds.c.job_id == jobs.c.id, refunds.c.leg == 1, is_owed(refunds))
    count = sa.select(sa.func.count()).where(*first_legs).scalar_subquery()
    promised = (
        jobs.c.totals["refunds"].as_integer() + jobs.c.totals["nothing_to_return"].as_integer()
    )
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        jobs.c.expanded_sessions == jobs.c.accepted_sessions,
        count != promised,
        scope.of(jobs.c.business_id, jobs.c.id),
    )


def sums_differ(scope: CheckScope) -> Rows:
    """Jobs whose refund rows don't add up, in some currency or in credits.

    They should come to what was to be returned, and to what was to be kept: of each line, its first
    leg.
    """
    per_means = (
        sa.select(refunds.c.job_id, refunds.c.currency, *sums(refunds))
        .where(
            refunds.c.method != Method.NONE,
            refunds.c.leg == 1,
            is_owed(refunds),
            scope.of(refunds.c.business_id, refunds.c.job_id),
        )
        .group_by(refunds.c.job_id, refunds.c.currency)
        .subquery()
    )

    # Both databases read `->` and `->>` alike. Of nothing nothing need be promised.
    def promised(amounts: str, credits: str) -> sa.ColumnElement[int]:  # noqa: A002 - the domain's word
        money = jobs.c.totals.op("->")(sa.literal_column(f"'{amounts}'")).op("->>")(
            per_means.c.currency
        )
        of_means = sa.case(
            (per_means.c.currency.is_not(None), money),
            else_=jobs.c.totals.op("->>")(sa.literal_column(f"'{credits}'")),
        )
        return sa.func.coalesce(sa.cast(of_means, sa.BigInteger), 0)

    return (
        sa.select(text(jobs.c.id), text(jobs.c.id))
        .select_from(per_means.join(jobs, jobs.c.id == per_means.c.job_id))
        .where(
            # Said once more, or every job would be read for those of the scope.
            scope.of(jobs.c.business_id, jobs.c.id),
            jobs.c.expanded_sessions == jobs.c.accepted_sessions,
            sa.or_(
                promised("amounts", "credits") != per_means.c.amount_minor + per_means.c.credits,
                promised("kept_amounts", "kept_credits")
                != per_means.c.kept_amount_minor + per_means.c.kept_credits,
            ),
        )
        .distinct()
    )


def ended_but_open(scope: CheckScope) -> Rows:
    """Open refunds of jobs that have ended."""
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(refunds.join(jobs, jobs.c.id == refunds.c.job_id))
        .where(
            _ENDED, refunds.c.due_at.is_not(None), scope.of(refunds.c.business_id, refunds.c.job_id)
        )
    )


def ended_unexpanded(scope: CheckScope) -> Rows:
    """Jobs that have ended without having all their refund rows."""
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        _ENDED,
        jobs.c.expanded_sessions != jobs.c.accepted_sessions,
        scope.of(jobs.c.business_id, jobs.c.id),
    )


def lease_overdue(scope: CheckScope, overdue_seconds: float) -> Rows:
    """Jobs in process that have been due for longer than `overdue_seconds`."""
    return (
        sa.select(text(jobs.c.id), text(jobs.c.id))
        .where(
            jobs.c.due_at.is_not(None),
            jobs.c.status.in_(IN_PROCESS),
            scope.of(jobs.c.business_id, jobs.c.id),
        )
        .where(jobs.c.due_at < later(sa.literal(-overdue_seconds, sa.Float)))
    )


def status_disagrees(scope: CheckScope) -> Rows:
    """Jobs whose status is wrong about whether something is left for a person.

    They say "completed" with something left, or "with failures" with nothing left.
    """
    needed = sa.exists().where(
        refunds.c.job_id == jobs.c.id,
        refunds.c.method != Method.NONE,
        refunds.c.status.not_in(
            (
                RefundStatus.SUCCEEDED,
                RefundStatus.SKIPPED,
                RefundStatus.RESOLVED,
                RefundStatus.REPLACED,
            )
        ),
    )
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        _ENDED,
        (jobs.c.status == JobStatus.COMPLETED_WITH_FAILURES) != needed,
        scope.of(jobs.c.business_id, jobs.c.id),
    )
