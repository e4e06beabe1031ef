"""What a person may do to a job afterwards: withdraw it while it is on hold, retry, resolve one refund by hand.

Each is one transaction under the job row's lock, so that it can't cross the worker's start or another person's click.
"""

from enum import StrEnum

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.expand import expand_chunk
from app.db import amendments, endings, events_of_jobs, jobs
from app.db.dialect import now
from app.db.engine import Database
from app.db.tables import JobStatus, RefundStatus
from app.errors import NotFound, Problem
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()

_CLOSABLE = (RefundStatus.REJECTED, RefundStatus.INDETERMINATE, RefundStatus.PROCESSING)


class Resolution(StrEnum):
    """How a person closed a refund that no machine could."""

    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    WAIVED = "waived"


async def withdraw(db: Database, business_id: str, job_id: str) -> sa.RowMapping:
    """Undo a job that is still on hold: its sessions are scheduled again. A withdrawn one stays so.

    Raises:
        NotFound: no such job.
        Problem: 409 `not-on-hold`.
    """
    async with db.write(Step.WITHDRAW) as conn:
        job = await _locked(conn, business_id, job_id)
        if job["status"] == JobStatus.WITHDRAWN:
            return job
        on_hold = job["status"] == JobStatus.HELD and job["hold_until"] > await jobs.clock(conn)
        if not on_hold:
            raise Problem(
                409,
                "not-on-hold",
                "The bulk cancellation is not on hold",
                f"Only a job on hold can be withdrawn; this one is {job['status']}."
                if job["status"] != JobStatus.HELD
                else "Its hold has just ended.",
                extensions={"status": job["status"]},
            )
        # What would have been returned is kept for the audit, while the bookings are still frozen.
        await expand_chunk(conn, job, at_most=job["accepted_sessions"], withdrawn=True)
        await jobs.release_sessions(conn, business_id, job_id)
        await jobs.update(conn, job_id, status=JobStatus.WITHDRAWN, finished_at=now(), due_at=None)
        await events_of_jobs.withdrawn(conn, business_id, job_id)
        log.info("job.withdrawn", job_id=job_id, business_id=business_id)
        return await _read(conn, business_id, job_id)


async def retry(db: Database, queue: Queue, business_id: str, job_id: str, *, actor: str) -> tuple[sa.RowMapping, int]:
    """Try the job's rejected refunds again, and look again for those the machine had given up on.

    Returns:
        the job, and how many refunds are under way again (0 changes nothing).

    Raises:
        NotFound: no such job.
    """
    async with db.write(Step.RETRY) as conn:
        await _locked(conn, business_id, job_id)
        count = await amendments.try_again(conn, job_id, actor=actor)
        count += await amendments.look_again(conn, job_id, actor=actor)
        if count:
            await jobs.update(conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now())
            log.info("job.retried", job_id=job_id, business_id=business_id, refunds=count)
        job = await _read(conn, business_id, job_id)
    if count:
        await queue.wake(job_id)
    return job, count


async def resolve(
    db: Database,
    business_id: str,
    job_id: str,
    refund_id: str,
    *,
    resolution: Resolution,
    reference: str,
    note: str | None,
    actor: str,
) -> sa.RowMapping:
    """Close a refund that was rejected or of which nothing is known. The same word again changes nothing.

    Raises:
        NotFound: no such job or refund.
        Problem: 409 `not-resolvable`.
    """
    async with db.write(Step.RESOLVE) as conn:
        job = await _locked(conn, business_id, job_id)
        refund = await amendments.lock_refund(conn, job_id, refund_id)
        if refund is None:
            raise NotFound("refund")
        same = (refund["failure_code"], refund["upstream_reference"]) == (resolution, reference)
        if refund["status"] == RefundStatus.RESOLVED and same:
            return refund
        if refund["status"] not in _CLOSABLE or refund["due_at"] is not None:
            detail = f"It is {refund['status']}; only what no machine is at work on any more, and is not settled, can."
            raise Problem(
                409,
                "not-resolvable",
                "The refund can't be resolved by hand",
                detail,
                extensions={"status": refund["status"]},
            )
        seq = job["outcome_seq"] + 1
        await jobs.update(conn, job_id, outcome_seq=seq)
        await amendments.resolve(
            conn, refund_id, outcome_seq=seq, code=resolution, detail=note, reference=reference, actor=actor
        )
        await endings.complete_if_nobody_is_needed(conn, job_id)
        log.info("refund.resolved", refund_id=refund_id, job_id=job_id, resolution=resolution)
        resolved = await amendments.lock_refund(conn, job_id, refund_id)
    assert resolved is not None
    return resolved


async def _locked(conn: AsyncConnection, business_id: str, job_id: str) -> sa.RowMapping:
    job = await jobs.get(conn, business_id, job_id, lock=True)
    if job is None:
        raise NotFound("bulk cancellation")
    return job


async def _read(conn: AsyncConnection, business_id: str, job_id: str) -> sa.RowMapping:
    job = await jobs.get(conn, business_id, job_id)
    assert job is not None
    return job
