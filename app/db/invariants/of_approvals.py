"""What must hold of approvals: nothing is done before one, and nobody approves their own."""

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.tables import jobs, refunds, sessions
from app.db.tables.approvals import job_actions, job_approvals
from app.domain.statuses import JobAction, JobStatus

_NEEDED = sa.exists().where(job_approvals.c.job_id == jobs.c.id)
_GIVEN = sa.exists().where(
    job_actions.c.job_id == jobs.c.id, job_actions.c.action == JobAction.APPROVED
)
# Those in which a job that needs an approval may be without one.
_WITHOUT = (JobStatus.AWAITING_APPROVAL, JobStatus.REFUSED, JobStatus.WITHDRAWN)


def refunds_unapproved(scope: CheckScope) -> Rows:
    """Refunds of jobs that needed an approval and have none."""
    return (
        sa.select(text(refunds.c.job_id), text(refunds.c.id))
        .select_from(refunds.join(jobs, jobs.c.id == refunds.c.job_id))
        .where(_NEEDED, ~_GIVEN, scope.of(refunds.c.business_id, refunds.c.job_id))
    )


def cancelled_unapproved(scope: CheckScope) -> Rows:
    """Sessions cancelled by jobs that needed an approval and have none."""
    return (
        sa.select(text(sessions.c.job_id), sessions.c.id)
        .select_from(sessions.join(jobs, jobs.c.id == sessions.c.job_id))
        .where(_NEEDED, ~_GIVEN, scope.of(sessions.c.business_id, sessions.c.job_id))
    )


def status_unapproved(scope: CheckScope) -> Rows:
    """Jobs that say otherwise than their approval whether they may act."""
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        sa.or_(
            sa.and_(_NEEDED, ~_GIVEN, jobs.c.status.not_in(_WITHOUT)),
            sa.and_(_GIVEN, jobs.c.status.in_(_WITHOUT[:2])),
            sa.and_(~_NEEDED, sa.or_(_GIVEN, jobs.c.status.in_(_WITHOUT[:2]))),
            jobs.c.approved_at.is_not(None) != _GIVEN,
        ),
        scope.of(jobs.c.business_id, jobs.c.id),
    )


def approved_by_requester(scope: CheckScope) -> Rows:
    """Jobs that whoever asked for them has approved."""
    return (
        sa.select(text(job_actions.c.job_id), text(job_actions.c.job_id))
        .select_from(
            job_actions.join(job_approvals, job_approvals.c.job_id == job_actions.c.job_id)
        )
        .where(
            job_actions.c.action == JobAction.APPROVED,
            job_actions.c.actor_id == job_approvals.c.asked_by,
            scope.of(job_actions.c.business_id, job_actions.c.job_id),
        )
    )
