"""Outcomes become rows in group commits, and a job with nothing left to do comes to its end.

An outcome that was heard is in the next commit. The first is flushed at once, and a group soon after the last is back.
"""

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.policy import Verdict
from app.cancellation.runtime import Runtime
from app.db import job_sessions, jobs, outcomes, refunds
from app.db.claims import Claimed
from app.db.dialect import now
from app.db.outage import is_outage
from app.db.outcomes import Recorded
from app.db.tables import JobStatus
from app.fault_points import Step
from app.gateways.outcomes import Method

log = structlog.get_logger()

_LARGEST_GROUP = 500
# What is heard meanwhile joins the next group: a transaction costs as much as the rows of ten refunds.
_GROUPS_APART_SECONDS = 0.02
_OUTAGE_PATIENCE_SECONDS = 60.0


class GroupCommit:
    """Collects verdicts of one job from many calls and writes them in groups; leaving the block flushes the rest."""

    def __init__(self, runtime: Runtime, job_id: str) -> None:
        self._runtime = runtime
        self._job_id = job_id
        self._waiting: list[Recorded] = []
        self._something = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._something.set()
        assert self._writer is not None
        await self._writer

    def add(self, claimed: Claimed, verdict: Verdict) -> None:
        """Have this verdict written in the next group."""
        self._waiting.append(
            Recorded(
                id=claimed.id,
                epoch=claimed.epoch,
                status=verdict.status,
                definitive=verdict.definitive,
                uncounted=verdict.uncounted,
                due_in_seconds=verdict.due_in_seconds,
                upstream_reference=verdict.upstream_reference,
                failure_code=verdict.failure_code,
                failure_detail=verdict.failure_detail,
            )
        )
        assert self._writer is not None
        if self._writer.done():
            self._writer.result()  # it failed: so does the slice, instead of hearing outcomes that nobody writes
        self._something.set()

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
                await self._flush(group)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), _GROUPS_APART_SECONDS)
            if self._closing.is_set():
                return

    async def _flush(self, group: list[Recorded]) -> None:
        patient_until = time.monotonic() + _OUTAGE_PATIENCE_SECONDS
        while True:
            try:
                changed = await self._record(group)
                break
            except Exception as error:
                # What was heard is worth keeping through a restart of the database. Had the commit landed all the same,
                # writing it again changes nothing.
                if not is_outage(error) or time.monotonic() > patient_until:
                    raise
                log.warning("outcomes.waiting", job_id=self._job_id, error=type(error).__name__)
                await asyncio.sleep(0.2)
        if len(changed) != len(group):
            log.warning("refund.fenced", job_id=self._job_id, outcomes=len(group) - len(changed))

    async def _record(self, group: list[Recorded]) -> list[str]:
        heartbeat = self._runtime.settings.lease_seconds
        async with self._runtime.db.write(Step.RECORD) as conn:
            return await outcomes.record(conn, self._job_id, group, actor="worker", heartbeat_seconds=heartbeat)


async def settle_job(runtime: Runtime, job_id: str) -> float | None:
    """End the job if no machine has anything left to do for it.

    Returns:
        Seconds until a refund is due at an upstream that takes calls (0 or less: now), or None when it has ended.
    """
    async with runtime.db.write(Step.SETTLE) as conn:
        job = await jobs.lock_any(conn, job_id)
        if job is None or job["status"] in {JobStatus.HELD, JobStatus.WITHDRAWN}:
            return None
        expanded = job["expanded_sessions"] == job["accepted_sessions"]
        due_in = await _due_in(runtime, conn, job) if expanded else 0.0
        if due_in is not None:
            await jobs.update(conn, job_id, due_at=jobs.seconds_from_now(max(due_in, 0.0)))
            return due_in
        failed = await job_sessions.any_need_a_person(conn, job_id)
        status = JobStatus.COMPLETED_WITH_FAILURES if failed else JobStatus.COMPLETED
        if job["status"] != status:
            await jobs.update(conn, job_id, status=status, finished_at=now(), due_at=None)
            log.info("job.ended", job_id=job_id, status=status)
    return None


async def _due_in(runtime: Runtime, conn: AsyncConnection, job: sa.RowMapping) -> float | None:
    """Seconds until there is something to do; an upstream that is to be left alone is waited for."""
    waits = []
    for method in Method:
        due_in = await refunds.next_due_in(conn, job["id"], method)
        if due_in is not None:
            waits.append(max(due_in, runtime.paces.quiet_seconds(job["business_id"], method)))
    return min(waits, default=None)
