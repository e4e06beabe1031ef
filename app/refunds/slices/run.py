"""One slice of one job: expand, execute, settle, yield to other jobs.

What is not expanded is expanded while what is due is executed. A slice may be started twice,
stopped anywhere or run beside another of the same job: the rows decide, so none of this changes
what is done.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import approve
from app.cancellation.expand import expand_chunk
from app.cancellation.of_job import of_job
from app.db.core import statistics
from app.db.core.dialect import now
from app.db.core.fair_lock import current_writer
from app.db.jobs import jobs
from app.db.jobs.job import Job
from app.db.refunds import refunds
from app.domain.statuses import JobStatus
from app.fault_points import Step
from app.gateways.outcomes import PaymentAccount, UpstreamMethod
from app.refunds import payment_account
from app.refunds.runtime import Runtime
from app.refunds.settle import GroupCommit, settle_job
from app.refunds.slices import recover
from app.refunds.slices.lanes import run_lanes
from app.tracing import spans

log = structlog.get_logger()

FIRST_CHUNK = 25  # sessions: the first refunds are not kept waiting by the rest
MAX_CHUNK = 200  # as many as group commits may be kept waiting for
_REFUNDS_PER_SLICE = 1_000
# The job, whether all its refunds are there, and at whose accounts it is paid.
_Begun = tuple[Job, bool, Mapping[UpstreamMethod, PaymentAccount]]


async def run_slice(
    runtime: Runtime, job_id: str, *, seconds: float, extra_slice: bool = False
) -> float | None:
    """Work on a job for about `seconds`; an `extra_slice` prompts no others.

    Returns:
        Seconds until it should be run again (0 or less: at once), or None when it has ended or
        another slice goes on.
    """
    async with of_job(runtime.db, job_id):
        return await _run_slice(runtime, job_id, seconds=seconds, extra_slice=extra_slice)


async def _run_slice(
    runtime: Runtime, job_id: str, *, seconds: float, extra_slice: bool
) -> float | None:
    began_ns = time.time_ns()
    begun = await _begin(runtime, job_id)
    if begun is None:
        return await settle_job(runtime, job_id)
    job = begun[0]
    with spans.slice_of(
        job.traceparent,
        started_ns=began_ns,
        job_id=job_id,
        business_id=job.business_id,
        extra_slice=extra_slice,
    ):
        return await _work_on(runtime, begun, seconds=seconds, extra_slice=extra_slice)


async def _work_on(
    runtime: Runtime, begun: _Begun, *, seconds: float, extra_slice: bool
) -> float | None:
    job, is_expanded, whose = begun
    job_id = job.id
    stop_at = time.monotonic() + seconds
    chunks = _go_on(runtime, job, stop_at, is_expanded=is_expanded, extra_slice=extra_slice)
    async with aclosing(chunks), GroupCommit(runtime, job_id) as commits:
        prompted = await run_lanes(
            runtime,
            job,
            chunks,
            payment_accounts=whose,
            stop_at=stop_at,
            commits=commits,
            prompts_next_slice=not extra_slice,
        )
    again_in = await settle_job(runtime, job_id)
    return None if prompted else again_in


async def _begin(runtime: Runtime, job_id: str) -> _Begun | None:
    """Start the job, or go on with it; write its first refund rows, maybe all.

    Returns:
        it, whether all its refunds are there, and at whose accounts its payments and credits
        are; None when there is nothing to run (ended, withdrawn, on hold, awaiting an approval).
    """
    async with runtime.db.write(Step.BEGIN) as conn:
        job = await jobs.lock_any(conn, job_id)
        if job is None:
            # Of another installation, whose prompts come here: it finds its jobs by its own sweep.
            log.warning("job.unknown", job_id=job_id)
            return None
        if job.due_at is None:
            return None
        if job.status is JobStatus.AWAITING_APPROVAL:
            await approve.expire(conn, job)  # or goes on waiting until it is due
            return None
        if await jobs.is_on_hold(conn, job):
            await jobs.update(conn, job_id, due_at=job.hold_until)
            return None
        started = (
            {}
            if job.status == JobStatus.RUNNING
            else {"status": JobStatus.RUNNING, "started_at": now()}
        )
        await _beat(runtime, conn, job_id, **started)
        _, is_expanded = await expand_chunk(conn, job, at_most=FIRST_CHUNK)
        whose = await payment_account.accounts_of_business(runtime, conn, job.business_id)
    if started:
        log.info("job.started", job_id=job_id, business_id=job.business_id)
    return job, is_expanded, whose


async def _go_on(
    runtime: Runtime, begun: Job, stop_at: float, *, is_expanded: bool, extra_slice: bool
) -> AsyncGenerator[None]:
    """Write the other refund rows, a chunk of sessions per transaction, yielding after each.

    Each chunk is under the job row's lock. Other workers are called as soon as there is work for
    them.
    """
    job_id, is_long, chunk = begun.id, not is_expanded, FIRST_CHUNK
    if begun.expanded_sessions == 0:
        async with runtime.db.write() as conn:
            await statistics.count_job_sessions(conn, begun.accepted_sessions)
    while not is_expanded:
        if not extra_slice:
            await _prompt_extra_slices(runtime, job_id)
        if time.monotonic() >= stop_at or runtime.stopping.is_set():
            return
        began = time.monotonic()
        async with runtime.db.write(Step.EXPAND) as conn:
            job = await jobs.lock_any(conn, job_id)
            if job is None or job.due_at is None:
                return  # another slice has ended it
            chunk = min(2 * chunk, MAX_CHUNK)
            _, is_expanded = await expand_chunk(conn, job, at_most=chunk)
            await _beat(runtime, conn, job_id)
        yield
        # Half of the database's time is for the calls under way.
        await asyncio.sleep(time.monotonic() - began)
    if is_long:
        async with runtime.db.write() as conn:
            await statistics.analyze_young_tables(conn)
    if not extra_slice:
        await _prompt_extra_slices(runtime, job_id)


async def _beat(runtime: Runtime, conn: AsyncConnection, job_id: str, **changes: Any) -> None:
    """Have a sweep look at the job when a lease has passed.

    Unless something is heard of this worker by then.
    """
    await jobs.update(
        conn, job_id, due_at=jobs.seconds_from_now(runtime.settings.lease_seconds), **changes
    )


async def _prompt_extra_slices(runtime: Runtime, job_id: str) -> None:
    """Ask other workers to take part in a job large enough to be shared."""
    if not runtime.queue.reaches_others:
        return
    most = runtime.settings.slices_per_job
    async with runtime.db.read() as conn:
        count = await refunds.count_open(conn, job_id, at_most=most * _REFUNDS_PER_SLICE)
    # One name for all who ask within a slice's time: however many ask, there are no more slices.
    time_bucket = runtime.time_bucket
    for number in range(-(-count // _REFUNDS_PER_SLICE) - 1):
        await runtime.queue.wake(job_id, extra_slice=True, once=f"extra-{number}-{time_bucket}")


async def run_job(runtime: Runtime, job_id: str, *, extra_slice: bool = False) -> None:
    """A worker's whole time with a job: one slice, then a wake for the rest.

    An `extra_slice` only takes part in what is going on elsewhere: in a process that is at work on
    the job already there is nothing for it to do.
    """
    if extra_slice and runtime.at_work[job_id]:
        return
    current_writer.set(job_id)
    runtime.at_work[job_id] += 1
    try:
        again_in = await run_slice(
            runtime, job_id, seconds=runtime.settings.slice_seconds, extra_slice=extra_slice
        )
    except Exception as error:
        log.exception("slice.failed", job_id=job_id, error=type(error).__name__)
        return
    finally:
        runtime.at_work[job_id] -= 1
        if not runtime.at_work[job_id]:
            del runtime.at_work[job_id]
    if again_in is not None and again_in < recover.MAX_WAKE_SECONDS:
        await _prompt_again(runtime, job_id, again_in, extra_slice=extra_slice)


async def _prompt_again(
    runtime: Runtime, job_id: str, again_in: float, *, extra_slice: bool
) -> None:
    # Prompts of one name count once while one of them waits or runs, so that slices of a job don't
    # multiply. Names are of the future, or of another time bucket: a slice must not be kept from
    # prompting by the name that it was prompted with.
    if extra_slice:
        await runtime.queue.wake(job_id, once=f"slice-{runtime.time_bucket}")
    elif again_in < 1:
        await runtime.queue.wake(job_id, after_seconds=max(again_in, 0.0))
    else:
        await runtime.queue.wake(
            job_id, after_seconds=again_in, once=f"again-{int(time.time() + again_in)}"
        )
