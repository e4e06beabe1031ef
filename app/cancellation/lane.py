"""The lanes of a slice: each claims one job's due refunds of one method in batches and keeps their calls going.

A lane that is slow or hangs keeps no other waiting: while it still has calls in flight the others go on claiming, and
when the slice's time is over another slice is prompted before the last calls are back. Where an account's calls are
counted, no more is claimed than may be called for at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from app.cancellation import budget
from app.cancellation.execute import Place, execute
from app.cancellation.runtime import Runtime, seconds_since_boot
from app.cancellation.settle import GroupCommit
from app.db import claims
from app.db.claims import Claimed
from app.db.outage import is_outage
from app.fault_points import Step
from app.gateways.outcomes import Merchant, Method

log = structlog.get_logger()

_LOOK_AGAIN_SECONDS: Final = 0.25
_CLAIMED_PER_CALL: Final = 4  # refunds for each call in flight; when half of them are left, more are claimed


@dataclass(slots=True)
class _Lane:
    """The state of one lane while its slice runs."""

    place: Place
    claimed: asyncio.Queue[tuple[Claimed, float] | None] = field(default_factory=asyncio.Queue)
    at_work: int = 0  # claimed, and without a verdict
    resting: bool = False  # all are there, nothing was due, and nothing is at work
    low: int = -1  # with so many left to call for, the next batch is claimed
    from_due_at: str | None = None  # what became due earlier has been claimed, as far as the last look saw
    look: asyncio.Event = field(default_factory=asyncio.Event)  # it is time to claim

    @property
    def waits_for_calls(self) -> bool:
        """Whether the account's calls are used up for the moment."""
        return self.place.budget is not None and self.place.budget.is_short

    @property
    def wanted(self) -> int:
        """How many refunds are to be claimed now."""
        if self.place.budget is None:
            return _CLAIMED_PER_CALL * self.place.pace.room - self.claimed.qsize()
        # A granted call is for now: kept for later, it would be made beside those of that second.
        return 0 if self.waits_for_calls else self.place.pace.room - self.at_work


@dataclass(frozen=True, slots=True)
class _Slice:
    runtime: Runtime
    job_id: str
    stop_at: float  # monotonic: claim nothing after
    commits: GroupCommit
    lanes: Sequence[_Lane]
    filled: asyncio.Event = field(default_factory=asyncio.Event)  # no more refunds are being written
    trouble: list[Exception] = field(default_factory=list)  # of writing them

    def look(self) -> None:
        """Have every lane look whether there is something to claim."""
        for lane in self.lanes:
            lane.look.set()

    @property
    def is_over(self) -> bool:
        return self.runtime.stopping.is_set() or time.monotonic() >= self.stop_at or bool(self.trouble)


async def run_lanes(
    runtime: Runtime,
    job: sa.RowMapping,
    chunks: AsyncIterator[None],
    *,
    merchant: Merchant,
    stop_at: float,
    commits: GroupCommit,
    hands_over: bool,
) -> bool:
    """Work on the job's due refunds until none is due, or `stop_at` has come; returns with no call in flight.

    Args:
        runtime: the worker's.
        job: its row.
        chunks: writes more of the job's refunds at each step, beside the calls.
        merchant: at whose account its payments are.
        stop_at: by the monotonic clock, when to claim no more.
        commits: what verdicts are given to.
        hands_over: whether to prompt another slice at `stop_at`.

    Returns:
        Whether another slice was prompted at `stop_at`, as is done where it `hands_over`.
    """
    business_id, reason = job["business_id"], job["reason"] or ""
    with (
        runtime.paces.at(business_id, Method.PAYMENT) as payments,
        runtime.paces.at(business_id, Method.CREDIT) as credit,
    ):
        counted = budget.of_payments(runtime, merchant, business_id)
        lanes = [
            _Lane(Place(business_id, reason, Method.PAYMENT, payments, merchant, counted)),
            _Lane(Place(business_id, reason, Method.CREDIT, credit)),
        ]
        this = _Slice(runtime, job["id"], stop_at, commits, lanes)
        handing_over = asyncio.create_task(_hand_over(this) if hands_over else _never())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_keep_filling(this, chunks))
                for lane in lanes:
                    group.create_task(_keep_claiming(this, lane))
                    for _ in range(runtime.settings.concurrency):
                        group.create_task(_keep_calling(this, lane))
        finally:
            ended_before = handing_over.cancel()
            await asyncio.wait([handing_over])
        if counted is not None:
            await budget.square(runtime, counted)
    if this.trouble:
        raise this.trouble[0]
    return not ended_before and handing_over.result()


async def _hand_over(this: _Slice) -> bool:
    """Prompt for the next slice when this one's time is over, instead of when the slowest call is back."""
    await asyncio.sleep(this.stop_at - time.monotonic())
    if this.runtime.stopping.is_set():
        return False
    # One name for all who prompt within a slice's time, so that slices of a job don't multiply; a slice that was
    # prompted by such a name ends in another turn than it began.
    return await this.runtime.queue.wake(this.job_id, once=f"slice-{this.runtime.turn}")


async def _never() -> bool:
    await asyncio.Event().wait()
    return False


async def _keep_filling(this: _Slice, chunks: AsyncIterator[None]) -> None:
    try:
        async for _ in chunks:
            this.look()
    except Exception as error:  # noqa: BLE001 - raised when the calls in flight have ended and are written
        this.trouble.append(error)
    this.filled.set()
    this.look()


async def _keep_claiming(this: _Slice, lane: _Lane) -> None:
    while not this.is_over:
        lane.look.clear()
        all_are_there = this.filled.is_set()
        room = lane.place.pace.room
        batch = await _claim(this, lane, most=wanted) if (wanted := lane.wanted) > 0 else []
        if lane.place.pace.is_shut and not batch:
            # What has waited for too long is a person's, though nothing can be called.
            settings = this.runtime.settings
            aged = settings.give_up_after_seconds
            batch = await _claim(this, lane, most=2 * settings.concurrency, waited_seconds=aged)
        lane.resting = all_are_there and not batch and not lane.at_work and not lane.waits_for_calls
        if all(other.resting for other in this.lanes):
            break
        half = _CLAIMED_PER_CALL * room // 2
        lane.low = half if lane.claimed.qsize() > half else -1
        await _look_again(this, lane)
    this.look()
    for _ in range(this.runtime.settings.concurrency):
        lane.claimed.put_nowait(None)


async def _look_again(this: _Slice, lane: _Lane) -> None:
    """Until a claim may find something: calls have ended, or some time has passed."""
    seconds = this.stop_at - time.monotonic()
    if lane.low < 0:
        seconds = min(seconds, _LOOK_AGAIN_SECONDS)
    if lane.place.budget is not None and lane.waits_for_calls:
        seconds = min(seconds, lane.place.budget.none_before - time.monotonic())
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await lane.look.wait()


async def _keep_calling(this: _Slice, lane: _Lane) -> None:
    while (one := await lane.claimed.get()) is not None:
        if lane.claimed.qsize() <= lane.low:
            lane.low = -1
            lane.look.set()
        claimed, send_before = one
        verdict = await execute(this.runtime, lane.place, claimed, send_before=send_before)
        this.commits.add(claimed, verdict)
        lane.at_work -= 1
        if not lane.at_work:
            this.look()


async def _claim(this: _Slice, lane: _Lane, *, most: int, waited_seconds: float = 0.0) -> Sequence[Claimed]:
    settings = this.runtime.settings
    # The lease runs by the database's clock from the commit on; counted here from before it, so we end early. A call
    # sent by then is over, and can no longer land, when the lease ends.
    send_before = seconds_since_boot() + settings.lease_seconds - settings.upstream_timeout_seconds
    send_before -= settings.upstream_quiescence_seconds
    try:
        batch = await _claim_granted(this, lane, most=most, waited_seconds=waited_seconds)
    except Exception as error:
        # The calls in flight still have outcomes to write; whatever was claimed without our knowing comes due again.
        if not is_outage(error):
            raise
        log.warning("claim.failed", job_id=this.job_id, error=type(error).__name__)
        return []
    lane.at_work += len(batch)
    for claimed in batch:
        lane.claimed.put_nowait((claimed, send_before))
    return batch


async def _claim_granted(this: _Slice, lane: _Lane, *, most: int, waited_seconds: float) -> Sequence[Claimed]:
    """Claim no more than the account has calls for; those that waited for too long are few, and counted afterwards."""
    counted = lane.place.budget
    if counted is None:
        return await _take(this, lane, most=most, waited_seconds=waited_seconds)
    granted = await budget.ask(this.runtime, counted, wanted=most) if not waited_seconds else 0
    batch: Sequence[Claimed] = []
    try:
        if granted or waited_seconds:
            batch = await _take(this, lane, most=granted or most, waited_seconds=waited_seconds)
    finally:
        counted.owed += len(batch) - granted
    if granted > len(batch):
        counted.none_before = float("-inf")  # nothing that is due waits for calls
        await budget.square(this.runtime, counted)
    return batch


async def _take(this: _Slice, lane: _Lane, *, most: int, waited_seconds: float) -> Sequence[Claimed]:
    """Claim, and commit: only then may a call be made."""
    async with this.runtime.db.write(Step.CLAIM) as conn:
        take = partial(
            claims.claim,
            conn,
            this.job_id,
            lane.place.method,
            lease_seconds=this.runtime.settings.lease_seconds,
            waited_seconds=waited_seconds,
        )
        batch = await take(most=most, from_due_at=lane.from_due_at)
        if len(batch) == most:
            lane.from_due_at = max(claimed.first_due_at for claimed in batch)
        elif lane.from_due_at is not None:  # what was put off may be due by now, and has an earlier place
            lane.from_due_at = None
            batch += await take(most=most - len(batch))
    return batch
