"""One lane of a slice: claims refunds of one job and method in batches, calls the upstream for many at once.

No call is made before its row is committed as `submitted`, nor so late that it could outlive the row's lease; no
transaction is open while a call is.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from app.cancellation import judge, policy
from app.cancellation.policy import Trail, Verdict
from app.cancellation.runtime import Runtime
from app.cancellation.settle import GroupCommit
from app.db import refunds
from app.db.outage import is_outage
from app.db.refunds import Claimed
from app.gateways.outcomes import (
    Method,
    Order,
    Throttled,
    Unavailable,
)

log = structlog.get_logger()


@dataclass(slots=True)
class _Lane:
    """The state of one lane while it runs."""

    job_id: str
    business_id: str
    reason: str
    method: Method
    stop_at: float  # monotonic: claim nothing after
    ready: deque[tuple[Claimed, float]]  # with the monotonic instant after which it must not be sent
    refill: asyncio.Task[None] | None = None
    dry: bool = False


async def run_lane(
    runtime: Runtime, job: sa.RowMapping, method: Method, *, stop_at: float, commits: GroupCommit
) -> None:
    """Work on the job's due refunds of one method until none is due, or the upstream asks us to wait, or `stop_at`."""
    lane = _Lane(job["id"], job["business_id"], job["reason"] or "", method, stop_at, deque())
    async with asyncio.TaskGroup() as group:
        for _ in range(runtime.settings.concurrency):
            group.create_task(_work(runtime, lane, commits))


async def _work(runtime: Runtime, lane: _Lane, commits: GroupCommit) -> None:
    while (next_up := await _next(runtime, lane)) is not None:
        claimed, send_before = next_up
        verdict = await _perform(runtime, lane, claimed, send_before)
        commits.add(claimed, verdict)


async def _next(runtime: Runtime, lane: _Lane) -> tuple[Claimed, float] | None:
    """The next claimed refund; None when the lane is done. The next batch is claimed before this one is used up."""
    while True:
        if lane.refill is None and len(lane.ready) <= runtime.settings.concurrency and not _ended(runtime, lane):
            lane.refill = asyncio.create_task(_claim(runtime, lane))
        if lane.ready:
            return lane.ready.popleft()
        if lane.refill is None:
            return None
        refill = lane.refill
        await asyncio.wait([refill])
        refill.result()  # what it raised is the slice's


def _ended(runtime: Runtime, lane: _Lane) -> bool:
    if lane.dry or runtime.stopping.is_set() or time.monotonic() >= lane.stop_at:
        return True
    return runtime.quiet_seconds(lane.business_id, lane.method) > 0


async def _claim(runtime: Runtime, lane: _Lane) -> None:
    settings = runtime.settings
    # The lease runs by the database's clock from the commit on; counted here from before it, so we end early. A call
    # sent by then is over, and can no longer land, when the lease ends.
    send_before = time.monotonic() + settings.lease_seconds - settings.upstream_timeout_seconds
    send_before -= settings.upstream_quiescence_seconds
    most = 2 * settings.concurrency
    batch: list[Claimed] = []
    try:
        async with runtime.db.write() as conn:
            batch = await refunds.claim(conn, lane.job_id, lane.method, most=most, lease_seconds=settings.lease_seconds)
    except Exception as error:
        # The calls in flight still have outcomes to write; whatever was claimed without our knowing comes due again.
        if not is_outage(error):
            raise
        log.warning("claim.failed", job_id=lane.job_id, error=type(error).__name__)
    finally:
        lane.refill = None
    lane.ready.extend((claimed, send_before) for claimed in batch)
    lane.dry = not batch


async def _perform(runtime: Runtime, lane: _Lane, claimed: Claimed, send_before: float) -> Verdict:
    """Make the call that the row's state asks for, and say what becomes of the row."""
    quiet = runtime.quiet_seconds(lane.business_id, lane.method)
    if quiet > 0 or runtime.stopping.is_set() or time.monotonic() >= send_before:
        return policy.unstarted(claimed.status, due_in_seconds=quiet * (1 + runtime.jitter()))
    gateway = runtime.gateways[lane.method]
    trail = Trail(
        attempts=claimed.attempts,
        age_seconds=claimed.age_seconds,
        give_up_after_seconds=runtime.settings.give_up_after_seconds,
        jitter=runtime.jitter(),
    )
    order = _order(claimed, lane)
    started = time.monotonic()
    try:
        if claimed.status == "submitted":
            outcome = await gateway.refund(order)
            quiet_in = runtime.settings.upstream_quiescence_seconds + max(
                0.0, runtime.settings.upstream_timeout_seconds - (time.monotonic() - started)
            )
            if isinstance(outcome, Throttled | Unavailable):
                # One answer speaks for the upstream: until then the business's other refunds there wait as well.
                pause = min(outcome.retry_after_seconds or 1.0, policy.LONGEST_RETRY_AFTER_SECONDS)
                runtime.leave_alone(lane.business_id, lane.method, pause)
            return await judge.of_answer(gateway, order, trail, outcome, quiet_in_seconds=quiet_in)
        return judge.of_finding(claimed, trail, await gateway.look_up(order))
    except Exception as error:
        log.exception("refund.call_failed", refund_id=claimed.id, job_id=lane.job_id)
        quiet_in = runtime.settings.upstream_timeout_seconds + runtime.settings.upstream_quiescence_seconds
        return policy.unknown(trail, f"internal: {type(error).__name__}", quiet_in_seconds=max(quiet_in, trail.pause()))


def _order(claimed: Claimed, lane: _Lane) -> Order:
    # One key for all attempts; a new one only for a try that a person asked for after a recorded failure.
    key = claimed.id if claimed.key_generation == 0 else f"{claimed.id}.{claimed.key_generation}"
    return Order(
        refund_id=claimed.id,
        idempotency_key=key,
        method=lane.method,
        payment_id=claimed.payment_id,
        amount_minor=claimed.amount_minor,
        currency=claimed.currency,
        account_id=claimed.account_id,
        credits=claimed.credits,
        reason=lane.reason,
    )
