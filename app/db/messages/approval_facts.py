"""What a job asks an approval for, as those are told who may give it."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses, jobs
from app.db.tables.approvals import job_approvals
from app.domain.approval import Exceeded
from app.domain.days import instant_text
from app.domain.messages.approval import ApprovalFacts
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JobStatus


async def of_job(conn: AsyncConnection, job_id: str) -> ApprovalFacts | None:
    """What it asks; None: nothing any more, somebody has decided."""
    query = (
        sa.select(
            jobs.c.requested_by,
            jobs.c.reason,
            job_approvals.c.totals,
            job_approvals.c.exceeded,
            job_approvals.c.expires_at,
            businesses.c.timezone,
        )
        .join(job_approvals, job_approvals.c.job_id == jobs.c.id)
        .join(businesses, businesses.c.id == jobs.c.business_id)
        .where(jobs.c.id == job_id, jobs.c.status == JobStatus.AWAITING_APPROVAL)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    totals = PlanTotals(**row.totals)
    return ApprovalFacts(
        requested_by=row.requested_by,
        reason=row.reason,
        sessions=totals.sessions,
        clients=totals.clients,
        amounts=totals.amounts,
        credits=totals.credits + totals.goodwill_credits,
        exceeded=tuple(map(Exceeded.of, row.exceeded)),
        expires_at=instant_text(row.expires_at),
        timezone=row.timezone,
    )
