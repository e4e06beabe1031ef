"""What must hold of the schedule.

A session reads cancelled by the job that accepted it, and by no other.
"""

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.tables import job_sessions, jobs, sessions
from app.domain.statuses import JobStatus, SessionStatus


def session_disagrees(scope: CheckScope) -> Rows:
    """Accepted sessions that the schedule does not show as cancelled by that job."""
    return (
        sa.select(text(job_sessions.c.job_id), job_sessions.c.session_id)
        .select_from(
            job_sessions.join(
                sessions,
                sa.and_(
                    sessions.c.business_id == job_sessions.c.business_id,
                    sessions.c.id == job_sessions.c.session_id,
                ),
            ).join(jobs, jobs.c.id == job_sessions.c.job_id)
        )
        .where(
            jobs.c.status != JobStatus.AWAITING_APPROVAL,
            job_sessions.c.position.is_not(None),
            job_sessions.c.released_at.is_(None),
            sa.or_(
                sessions.c.status != SessionStatus.CANCELLED,
                sessions.c.job_id.is_distinct_from(job_sessions.c.job_id),
            ),
            scope.of(job_sessions.c.business_id, job_sessions.c.job_id),
        )
    )


def cancelled_by_stranger(scope: CheckScope) -> Rows:
    """Sessions cancelled by a job that never accepted them, or has let go of them."""
    accepted = sa.exists().where(
        job_sessions.c.job_id == sessions.c.job_id,
        job_sessions.c.session_id == sessions.c.id,
        job_sessions.c.position.is_not(None),
        job_sessions.c.released_at.is_(None),
    )
    return sa.select(text(sessions.c.job_id), sessions.c.id).where(
        sessions.c.job_id.is_not(None),
        ~accepted,
        scope.of(sessions.c.business_id, sessions.c.job_id),
    )
