"""What must hold of a job as a whole: its rows are as many and as much as it promised, and it ends when they do."""

import sqlalchemy as sa

from app.db.dialect import later
from app.db.invariants.scope import Rows, Scope, text
from app.db.tables import (
    IN_PROCESS,
    jobs,
    refunds,
)
from app.db.tallies import sums

_ENDED = jobs.c.status.in_(("completed", "completed_with_failures"))


def totals_differ(scope: Scope) -> Rows:
    """Jobs whose refund rows are not as many as were promised."""
    count = sa.select(sa.func.count()).where(refunds.c.job_id == jobs.c.id).scalar_subquery()
    promised = jobs.c.totals["refunds"].as_integer() + jobs.c.totals["nothing_to_return"].as_integer()
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        jobs.c.expanded_sessions == jobs.c.accepted_sessions,
        count != promised,
        scope.of(jobs.c.business_id, jobs.c.id),
    )


def sums_differ(scope: Scope) -> Rows:
    """Jobs whose refund rows don't add up to the sums that were promised, in some currency or in credits."""
    per_means = (
        sa.select(refunds.c.job_id, refunds.c.currency, *sums(refunds))
        .where(refunds.c.method != "none", scope.of(refunds.c.business_id, refunds.c.job_id))
        .group_by(refunds.c.job_id, refunds.c.currency)
        .subquery()
    )
    # Both databases read `->` and `->>` alike.
    promised_money = jobs.c.totals.op("->")(sa.literal_column("'amounts'")).op("->>")(per_means.c.currency)
    promised_credits = jobs.c.totals.op("->>")(sa.literal_column("'credits'"))
    return (
        sa.select(text(jobs.c.id), text(jobs.c.id))
        .select_from(per_means.join(jobs, jobs.c.id == per_means.c.job_id))
        .where(
            scope.of(jobs.c.business_id, jobs.c.id),  # again, or every job would be read for those of the scope
            jobs.c.expanded_sessions == jobs.c.accepted_sessions,
            sa.case(
                (
                    per_means.c.currency.is_not(None),
                    sa.cast(promised_money, sa.BigInteger).is_distinct_from(per_means.c.amount_minor),
                ),
                else_=sa.cast(promised_credits, sa.BigInteger) != per_means.c.credits,
            ),
        )
        .distinct()
    )


def ended_but_open(scope: Scope) -> Rows:
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(refunds.join(jobs, jobs.c.id == refunds.c.job_id))
        .where(_ENDED, refunds.c.due_at.is_not(None), scope.of(refunds.c.business_id, refunds.c.job_id))
    )


def ended_unexpanded(scope: Scope) -> Rows:
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        _ENDED, jobs.c.expanded_sessions != jobs.c.accepted_sessions, scope.of(jobs.c.business_id, jobs.c.id)
    )


def lease_overdue(scope: Scope, overdue_seconds: float) -> Rows:
    return (
        sa.select(text(jobs.c.id), text(jobs.c.id))
        .where(jobs.c.due_at.is_not(None), jobs.c.status.in_(IN_PROCESS), scope.of(jobs.c.business_id, jobs.c.id))
        .where(jobs.c.due_at < later(sa.literal(-overdue_seconds, sa.Float)))
    )


def status_disagrees(scope: Scope) -> Rows:
    """Jobs that say "completed" with something left for a person, or "with failures" with nothing left."""
    needed = sa.exists().where(
        refunds.c.job_id == jobs.c.id,
        refunds.c.method != "none",
        refunds.c.status.not_in(("succeeded", "skipped", "resolved")),
    )
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        _ENDED, (jobs.c.status == "completed_with_failures") != needed, scope.of(jobs.c.business_id, jobs.c.id)
    )
