"""One slice of one job: expand what is not expanded, execute what is due, settle, and give way to other jobs.

A slice may be started twice, stopped anywhere or run beside another of the same job: the rows decide, so none of this
changes what is done.
"""

import time

import sqlalchemy as sa
import structlog

from app.cancellation import recover
from app.cancellation.expand import expand_chunk
from app.cancellation.lane import run_lanes
from app.cancellation.runtime import Runtime
from app.cancellation.settle import GroupCommit, settle_job
from app.db import jobs, statistics
from app.db.dialect import now
from app.db.tables import JobStatus
from app.fault_points import Step

log = structlog.get_logger()

_SESSIONS_PER_CHUNK = 100
_REFUNDS_PER_EXTRA_SLICE = 2_000
_MANY_REFUNDS = 500


async def run_slice(runtime: Runtime, job_id: str, *, seconds: float) -> float | None:
    """Work on a job for about `seconds`.

    Returns:
        Seconds until it should be run again (0 or less: at once), or None when it has ended or another slice goes on.
    """
    job = await _begin(runtime, job_id)
    if job is None:
        return await settle_job(runtime, job_id)
    stop_at = time.monotonic() + seconds
    await _expand(runtime, job_id, stop_at)
    async with GroupCommit(runtime, job_id) as commits:
        handed_over = await run_lanes(runtime, job, stop_at=stop_at, commits=commits)
    again_in = await settle_job(runtime, job_id)
    return None if handed_over else again_in


async def _begin(runtime: Runtime, job_id: str) -> sa.RowMapping | None:
    """Start the job, or go on with it; None when there is nothing to run (ended, withdrawn, still on hold)."""
    async with runtime.db.write(Step.BEGIN) as conn:
        job = await jobs.lock_any(conn, job_id)
        if job is None or job["due_at"] is None:
            return None
        if job["status"] == JobStatus.HELD and job["hold_until"] > await jobs.clock(conn):
            await jobs.update(conn, job_id, due_at=job["hold_until"])
            return None
        heartbeat = jobs.seconds_from_now(runtime.settings.lease_seconds)
        if job["status"] != JobStatus.RUNNING:
            await jobs.update(conn, job_id, status=JobStatus.RUNNING, started_at=now(), due_at=heartbeat)
            log.info("job.started", job_id=job_id, business_id=job["business_id"])
        else:
            await jobs.update(conn, job_id, due_at=heartbeat)
    return job


async def _expand(runtime: Runtime, job_id: str, stop_at: float) -> None:
    """Write the refund rows, a chunk of sessions per transaction, under the job row's lock."""
    done = False
    written = 0
    while not done and time.monotonic() < stop_at:
        async with runtime.db.write(Step.EXPAND) as conn:
            job = await jobs.lock_any(conn, job_id)
            if job is None or job["due_at"] is None:
                return  # another slice has ended it
            rows, done = await expand_chunk(conn, job, at_most=_SESSIONS_PER_CHUNK)
            written += rows
            await jobs.update(conn, job_id, due_at=jobs.seconds_from_now(runtime.settings.lease_seconds))
    if written >= _MANY_REFUNDS:
        async with runtime.db.write() as conn:
            await statistics.count_jobs(conn)
    helpers = min(runtime.settings.slices_per_job - 1, written // _REFUNDS_PER_EXTRA_SLICE)
    for number in range(helpers):
        await runtime.queue.wake(job_id, once=f"helper-{number}")


async def run_job(runtime: Runtime, job_id: str) -> None:
    """A worker's whole turn with a job: one slice, then a wake for what is left of it."""
    try:
        again_in = await run_slice(runtime, job_id, seconds=runtime.settings.slice_seconds)
    except Exception as error:
        log.exception("slice.failed", job_id=job_id, error=type(error).__name__)
        return
    if again_in is not None and again_in < recover.LONGEST_WAKE_SECONDS:
        await runtime.queue.wake(job_id, after_seconds=max(again_in, 0.0), once="again")
