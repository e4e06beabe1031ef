"""The claiming half of a lane: due refunds are taken in batches.

No more are claimed than will be called for in time. A refund is called for only once its claim
is committed.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from app.db.core.outage import is_outage
from app.db.refunds import claims
from app.db.refunds.claims import ClaimedRefund
from app.domain.statuses import RefundStatus
from app.fault_points import Step
from app.refunds import rate_limit
from app.refunds.runtime import seconds_since_boot
from app.refunds.slices.lane import LOOK_UPS_EVERY_SECONDS, Lane, Slice

log = structlog.get_logger()

_CLAIM_AGAIN_SECONDS: Final = 0.25


async def keep_claiming(this: Slice, lane: Lane) -> None:
    """Claim until all lanes are done, or the slice is over.

    Then the lane's callers end.
    """
    while not this.is_over:
        lane.claim_wanted.clear()
        all_are_there = this.expansion_done.is_set()
        wanted = max(0, lane.wanted)
        batch = await _claim(this, lane, most=wanted) if wanted or lane.wanted_unknown > 0 else []
        if lane.context.pace.is_shut and not batch:
            # What has waited for too long is a person's, though nothing can be called.
            settings = this.runtime.settings
            aged = settings.give_up_after_seconds
            batch = await _claim(this, lane, most=2 * settings.concurrency, waited_seconds=aged)
        lane.is_done = all_are_there and not batch and not lane.at_work and not lane.waits_for_calls
        if all(other.is_done for other in this.lanes):
            break
        lane.refill_at = lane.half
        await _wait_to_claim(this, lane)
    this.want_claims()
    lane.no_more()


async def _wait_to_claim(this: Slice, lane: Lane) -> None:
    """Until a claim may find something: calls have ended, or some time has passed."""
    seconds = min(
        this.stop_at - time.monotonic(),
        _CLAIM_AGAIN_SECONDS if lane.refill_at < 0 else LOOK_UPS_EVERY_SECONDS,
    )
    if lane.context.rate_limit is not None and lane.waits_for_calls:
        seconds = min(seconds, lane.context.rate_limit.retry_at - time.monotonic())
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await lane.claim_wanted.wait()


async def _claim(
    this: Slice, lane: Lane, *, most: int, waited_seconds: float = 0.0
) -> Sequence[ClaimedRefund]:
    settings = this.runtime.settings
    # The lease runs by the database's clock from the commit on; counted here from before it, so we
    # end early. A call sent by then is over, and can no longer land, when the lease ends.
    send_before = seconds_since_boot() + settings.lease_seconds - settings.upstream_timeout_seconds
    send_before -= settings.upstream_quiescence_seconds
    try:
        batch = await _claim_granted(this, lane, most=most, waited_seconds=waited_seconds)
    except Exception as error:
        # The calls in flight still have outcomes to write; whatever was claimed without our knowing
        # comes due again.
        if not is_outage(error):
            raise
        log.warning("claim.failed", job_id=this.job_id, error=type(error).__name__)
        return []
    lane.at_work += len(batch)
    for claimed in batch:
        calls = lane.sends if claimed.status == RefundStatus.SUBMITTED else lane.look_ups
        calls.put_nowait((claimed, send_before))
    return batch


async def _claim_granted(
    this: Slice, lane: Lane, *, most: int, waited_seconds: float
) -> Sequence[ClaimedRefund]:
    """Claim no more than the account has calls for.

    Those that waited for too long are few, and counted afterwards.
    """
    limit = lane.context.rate_limit
    if limit is None:
        return await _take(this, lane, most=most, waited_seconds=waited_seconds)
    granted = (
        await rate_limit.acquire(this.runtime, limit, wanted=most) if not waited_seconds else 0
    )
    batch: Sequence[ClaimedRefund] = []
    try:
        if granted or waited_seconds:
            batch = await _take(this, lane, most=granted or most, waited_seconds=waited_seconds)
    finally:
        limit.debt += len(batch) - granted
    if granted > len(batch):
        limit.retry_at = float("-inf")  # nothing that is due waits for calls
        await rate_limit.reconcile(this.runtime, limit)
    return batch


async def _take(
    this: Slice, lane: Lane, *, most: int, waited_seconds: float
) -> Sequence[ClaimedRefund]:
    """Claim, and commit: only then may a call be made."""
    job_id, method = this.job_id, lane.context.method
    lease_seconds = this.runtime.settings.lease_seconds
    unknown: list[ClaimedRefund] = []
    batch: list[ClaimedRefund] = []
    async with this.runtime.db.write(Step.CLAIM) as conn:
        take = partial(
            claims.claim,
            conn,
            job_id,
            method,
            lease_seconds=lease_seconds,
            waited_seconds=waited_seconds,
        )
        if (most_unknown := lane.wanted_unknown) > 0:
            lane.looked_up_at = time.monotonic()
            unknown = await claims.claim_unknown(
                conn, job_id, method, most=most_unknown, lease_seconds=lease_seconds
            )
        if most:
            batch = await take(most=most, from_due_at=lane.from_due_at)
        if most and len(batch) == most:
            lane.from_due_at = max(claimed.first_due_at for claimed in batch)
        elif most and lane.from_due_at is not None:
            # What was put off may be due by now, and has an earlier place.
            lane.from_due_at = None
            batch += await take(most=most - len(batch))
    return unknown + batch
