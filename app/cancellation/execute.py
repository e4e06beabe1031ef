"""One lane of a slice: claims refunds of one job and method in batches, calls the upstream for many at once.

No call is made before its row is committed as `submitted`, nor so late that it could outlive the row's lease; no
transaction is open while a call is.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import assert_never

import structlog

from app.cancellation import policy
from app.cancellation.policy import Trail, Verdict
from app.cancellation.runtime import Runtime
from app.cancellation.settle import GroupCommit
from app.db import refunds
from app.db.outage import is_outage
from app.db.refunds import Claimed
from app.gateways.outcomes import (
    Absent,
    Finding,
    Gateway,
    Indeterminate,
    Method,
    Order,
    Outcome,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
)

log = structlog.get_logger()


@dataclass(slots=True)
class _Lane:
    """The state of one lane while it runs."""

    job_id: str
    reason: str
    method: Method
    stop_at: float  # monotonic: claim nothing after
    ready: deque[tuple[Claimed, float]]  # with the monotonic instant after which it must not be sent
    refill: asyncio.Task[None] | None = None
    dry: bool = False


async def run_lane(
    runtime: Runtime, job_id: str, method: Method, *, reason: str, stop_at: float, commits: GroupCommit
) -> None:
    """Work on the job's due refunds of one method until none is due or `stop_at` (monotonic seconds) has come."""
    lane = _Lane(job_id, reason, method, stop_at, deque())
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
        await asyncio.wait([lane.refill])


def _ended(runtime: Runtime, lane: _Lane) -> bool:
    return lane.dry or runtime.stopping.is_set() or time.monotonic() >= lane.stop_at


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
    if runtime.stopping.is_set() or time.monotonic() >= send_before:
        return policy.unstarted(claimed.status)
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
            return await _judge(gateway, order, trail, outcome, quiet_in)
        return _found(claimed, trail, await gateway.look_up(order))
    except Exception as error:
        log.exception("refund.call_failed", refund_id=claimed.id, job_id=lane.job_id)
        quiet_in = runtime.settings.upstream_timeout_seconds + runtime.settings.upstream_quiescence_seconds
        return policy.unknown(trail, f"internal: {type(error).__name__}", quiet_in_seconds=max(quiet_in, trail.pause()))


async def _judge(gateway: Gateway, order: Order, trail: Trail, outcome: Outcome, quiet_in: float) -> Verdict:
    match outcome:
        case Succeeded(reference):
            return policy.succeeded(reference)
        case Processing(reference):
            return policy.processing(trail, reference)
        case Rejected(policy.ALREADY_REFUNDED, detail, _):
            return _already_refunded(trail, detail, await gateway.look_up(order))
        case Rejected(policy.INSUFFICIENT_BALANCE, detail, None):
            return policy.without_balance(trail, detail)
        case Rejected(code, detail, reference):
            return policy.rejected(code, detail, reference)
        case Throttled(retry_after):
            return policy.not_done(
                trail,
                "throttled",
                "the upstream asks us to wait",
                retry_after_seconds=retry_after,
                throttled=True,
            )
        case Unavailable(detail, retry_after):
            return policy.not_done(trail, "unavailable", detail, retry_after_seconds=retry_after, throttled=False)
        case Indeterminate(detail, retry_after):
            return policy.unknown(trail, detail, quiet_in_seconds=max(quiet_in, retry_after or 0.0))
        case _:
            assert_never(outcome)


def _already_refunded(trail: Trail, detail: str, finding: Finding) -> Verdict:
    """Who did it? Ours is a success that we had not heard of; without one of ours, somebody else's."""
    match finding:
        case Succeeded(reference):
            return policy.succeeded(reference)
        case Processing(reference):
            return policy.processing(trail, reference)
        case Absent() | Rejected():
            return policy.refunded_elsewhere(detail)
        case Indeterminate(why, retry_after):
            return policy.unknown(trail, why, quiet_in_seconds=trail.pause(at_least=retry_after or 0.0))
        case _:
            assert_never(finding)


def _found(claimed: Claimed, trail: Trail, finding: Finding) -> Verdict:
    match finding:
        case Succeeded(reference):
            return policy.succeeded(reference)
        case Processing(reference):
            return policy.processing(trail, reference)
        case Rejected(_, _, reference) if claimed.key_generation and reference == claimed.upstream_reference:
            # The failed refund that a person has asked to try again: of the new try the upstream has nothing.
            return policy.absent(trail)
        case Rejected(code, detail, reference):
            return policy.rejected(code, detail, reference)
        case Absent():
            return policy.absent(trail)
        case Indeterminate(detail, retry_after):
            pause = trail.pause(at_least=retry_after or 0.0)
            return policy.unanswered(trail, claimed.status, detail, pause_seconds=pause)
        case _:
            assert_never(finding)


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
