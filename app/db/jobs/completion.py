"""How a job ends: its status, and that integrations are told, in one transaction."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.evidence import links
from app.db.jobs import client_news, job_events, job_sessions, jobs
from app.db.tables import jobs as rows
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.statuses import JobStatus


async def end(conn: AsyncConnection, business_id: str, job_id: str) -> JobStatus:
    """End a job for which no machine has anything left to do; with which status."""
    failed = await job_sessions.any_need_a_person(conn, job_id)
    status = JobStatus.COMPLETED_WITH_FAILURES if failed else JobStatus.COMPLETED
    await jobs.update(conn, job_id, status=status, finished_at=now(), due_at=None)
    await _tell(conn, business_id, job_id, status)
    return status


async def fail_if_somebody_is_needed(conn: AsyncConnection, job_id: str) -> None:
    """Let a completed job have ended with failures, if a person is needed."""
    if await job_sessions.any_need_a_person(conn, job_id):
        completed = sa.and_(rows.c.id == job_id, rows.c.status == JobStatus.COMPLETED)
        await _end_as(conn, completed, job_id, JobStatus.COMPLETED_WITH_FAILURES)


async def complete_if_nobody_is_needed(conn: AsyncConnection, job_id: str) -> None:
    """Let a job that ended with failures be completed, if none is left.

    Each has then been returned or closed after all.
    """
    if await job_sessions.any_need_a_person(conn, job_id):
        return
    with_failures = sa.and_(rows.c.id == job_id, rows.c.status == JobStatus.COMPLETED_WITH_FAILURES)
    await _end_as(conn, with_failures, job_id, JobStatus.COMPLETED)


async def _end_as(
    conn: AsyncConnection, which: sa.ColumnElement[bool], job_id: str, status: JobStatus
) -> None:
    ended = sa.update(rows).where(which).values(status=status, version=rows.c.version + 1)
    business_id = (await conn.execute(ended.returning(rows.c.business_id))).scalar()
    if business_id is not None:
        await _tell(conn, business_id, job_id, status)


async def _tell(conn: AsyncConnection, business_id: str, job_id: str, status: JobStatus) -> None:
    """Write the end into the job's chain, and tell of it and of the chain's end."""
    await links.add(conn, job_id, JobDeed(DeedKind.ENDED, "worker", facts={"status": status.value}))
    await client_news.ended(conn, business_id, job_id)
    await job_events.ended(conn, business_id, job_id, status, await links.head(conn, job_id))
