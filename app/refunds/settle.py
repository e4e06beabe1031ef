"""Outcomes become rows in group commits; a job with nothing left comes to its end.

Every outcome received is in the next commit.
"""

from collections import Counter
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.group_commit import GroupCommitter
from app.db.jobs import completion, jobs
from app.db.jobs.job import Job
from app.db.refunds import outcomes, refunds
from app.db.refunds.claims import ClaimedRefund
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import RefundUpdate
from app.domain.statuses import JobStatus
from app.fault_points import Step
from app.gateways.outcomes import UpstreamMethod
from app.meters import job_ended, refunds_recorded
from app.refunds.runtime import Runtime

log = structlog.get_logger()

# Nothing of theirs is a machine's to settle: not yet, or never.
_AT_REST: Final = frozenset(
    {JobStatus.AWAITING_APPROVAL, JobStatus.REFUSED, JobStatus.HELD, JobStatus.WITHDRAWN}
)


_Outcome = tuple[ClaimedRefund, RefundUpdate]


class GroupCommit(GroupCommitter[_Outcome]):
    """Collects updates of one job from many calls and writes them in groups.

    Leaving the block writes the rest.
    """

    def __init__(self, runtime: Runtime, job_id: str) -> None:
        super().__init__(partial(_record, runtime, job_id))

    def add_update(self, claimed: ClaimedRefund, update: RefundUpdate) -> None:
        """Have this update written in the next group."""
        self.add((claimed, update))


async def _record(runtime: Runtime, job_id: str, group: list[_Outcome]) -> None:
    heartbeat = runtime.settings.lease_seconds
    # A refusal and the leg that follows it are in one commit: with the one alone, nobody would
    # have the line in hand.
    has_next_leg = any(update.next_leg is not None for _, update in group)
    recorded = [Recorded(one.id, one.epoch, update, one.leg) for one, update in group]
    async with runtime.db.write(Step.NEXT_LEG if has_next_leg else Step.RECORD) as conn:
        ids = await outcomes.record(
            conn, job_id, recorded, actor="worker", heartbeat_seconds=heartbeat
        )
    changed = set(ids)
    if len(changed) != len(group):
        log.warning("refund.fenced", job_id=job_id, outcomes=len(group) - len(changed))
    came_to = Counter((one.upstream, update.status) for one, update in group if one.id in changed)
    for (upstream, status), count in came_to.items():
        refunds_recorded(upstream, status, count)


async def settle_job(runtime: Runtime, job_id: str) -> float | None:
    """End the job if no machine has anything left to do for it.

    Returns:
        Seconds until a refund is due at an upstream that takes calls (0 or less: now), or None when
        it has ended.
    """
    async with runtime.db.write(Step.SETTLE) as conn:
        job = await jobs.lock_any(conn, job_id)
        if job is None or job.status in _AT_REST:
            return None
        expanded = job.expanded_sessions == job.accepted_sessions
        due_in = await _due_in(runtime, conn, job) if expanded else 0.0
        if due_in is not None:
            await jobs.update(conn, job_id, due_at=jobs.seconds_from_now(max(due_in, 0.0)))
            return due_in
        if job.due_at is None:
            return None
        status = await completion.end(conn, job.business_id, job_id)
    log.info("job.ended", job_id=job_id, status=status)
    job_ended(status)
    return None


async def _due_in(runtime: Runtime, conn: AsyncConnection, job: Job) -> float | None:
    """Seconds until there is something to do.

    An upstream that is to be left alone is waited for.
    """
    waits = []
    for method in UpstreamMethod:
        due_in = await refunds.next_due_in(conn, job.id, method)
        if due_in is not None:
            waits.append(max(due_in, runtime.paces.quiet_seconds(job.business_id, method)))
    return min(waits, default=None)
