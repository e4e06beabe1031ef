"""How a job ends: its status, and that integrations are told, in one transaction."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import events_of_jobs, job_sessions, jobs
from app.db.dialect import now
from app.db.tables import JobStatus
from app.db.tables import jobs as rows


async def end(conn: AsyncConnection, business_id: str, job_id: str) -> JobStatus:
    """End a job for which no machine has anything left to do; with which status."""
    failed = await job_sessions.any_need_a_person(conn, job_id)
    status = JobStatus.COMPLETED_WITH_FAILURES if failed else JobStatus.COMPLETED
    await jobs.update(conn, job_id, status=status, finished_at=now(), due_at=None)
    await events_of_jobs.ended(conn, business_id, job_id, status)
    return status


async def complete_if_nobody_is_needed(conn: AsyncConnection, job_id: str) -> None:
    """Let a job that ended with failures be completed, once each has been returned or closed after all."""
    if await job_sessions.any_need_a_person(conn, job_id):
        return
    with_failures = sa.and_(rows.c.id == job_id, rows.c.status == JobStatus.COMPLETED_WITH_FAILURES)
    statement = sa.update(rows).where(with_failures).values(status=JobStatus.COMPLETED).returning(rows.c.business_id)
    business_id = (await conn.execute(statement)).scalar()
    if business_id is not None:
        await events_of_jobs.ended(conn, business_id, job_id, JobStatus.COMPLETED)
