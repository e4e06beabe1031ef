"""A lane: one job's due refunds of one method while a slice runs.

It says how many of them are to be claimed next. Where an account's calls are counted, or go at a
pace, no more is claimed than may be called for at once.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.db.refunds.claims import ClaimedRefund
from app.refunds.execute import LaneContext
from app.refunds.rate_publisher import RatePublisher
from app.refunds.runtime import Runtime
from app.refunds.settle import GroupCommit

# Refunds for each call in flight; when half of them are left, more are claimed.
_CLAIMED_PER_CALL: Final = 4
LOOK_UPS_EVERY_SECONDS: Final = 1.0
# Seconds of a pace: a lease must not run out while its refund waits for its turn.
_CLAIMED_SECONDS: Final = 0.5

ClaimedCall = tuple[ClaimedRefund, float]  # a refund, and until when its call may be sent


@dataclass(slots=True)
class Lane:
    """The state of one lane while its slice runs."""

    context: LaneContext
    publisher: RatePublisher
    sends: asyncio.Queue[ClaimedCall | None] = field(default_factory=asyncio.Queue)
    # Look-ups have callers of their own.
    look_ups: asyncio.Queue[ClaimedCall | None] = field(default_factory=asyncio.Queue)
    # What waits for the call at its payment to end.
    at_object: dict[str, deque[ClaimedCall]] = field(default_factory=dict)
    at_work: int = 0  # claimed, and without an update
    is_done: bool = False  # all are there, nothing was due, and nothing is at work
    refill_at: int = -1  # with so many left to call for, the next batch is claimed
    # What became due earlier has been claimed, as far as the last look saw.
    from_due_at: str | None = None
    # Monotonic: when such as are to be looked up were last claimed by themselves.
    looked_up_at: float = float("-inf")
    claim_wanted: asyncio.Event = field(default_factory=asyncio.Event)  # it is time to claim

    @property
    def callers(self) -> Sequence[tuple[asyncio.Queue[ClaimedCall | None], int]]:
        """How many callers there are for sends, and how many for look-ups.

        Look-ups are not kept waiting by sends that hang, nor the other way round.
        """
        most = self.context.pace.most
        return (self.sends, most), (self.look_ups, max(1, most // 2))

    def no_more(self) -> None:
        """Let the callers end."""
        for calls, callers in self.callers:
            for _ in range(callers):
                calls.put_nowait(None)

    @property
    def waits_for_calls(self) -> bool:
        """Whether the account's calls are used up for the moment."""
        return self.context.rate_limit is not None and self.context.rate_limit.is_short

    @property
    def unsent(self) -> int:
        """How many are claimed and wait for a caller."""
        return self.sends.qsize() + self.look_ups.qsize()

    @property
    def wanted(self) -> int:
        """How many refunds are to be claimed now."""
        pace = self.context.pace
        if self.context.rate_limit is not None:
            # A granted call is for now: kept, it would be made beside those of a later second.
            return 0 if self.waits_for_calls else pace.room - self.at_work
        most = _CLAIMED_PER_CALL * pace.room
        if pace.per_second is not None:
            most = min(most, math.ceil(_CLAIMED_SECONDS * pace.per_second) - pace.in_line)
        return most - self.unsent

    @property
    def wanted_unknown(self) -> int:
        """How many of unknown outcome are to be claimed before all others.

        They are asked for once a second, and never where calls are counted.
        """
        if (
            self.context.rate_limit is not None
            or time.monotonic() - self.looked_up_at < LOOK_UPS_EVERY_SECONDS
        ):
            return 0
        return self.context.pace.room - self.look_ups.qsize()

    @property
    def half(self) -> int:
        """With so many left to call for, more are claimed; -1: by the clock."""
        is_paced = self.context.rate_limit is not None or self.context.pace.per_second is not None
        half = _CLAIMED_PER_CALL * self.context.pace.room // 2
        return half if self.unsent > half and not is_paced else -1


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of a job while it runs: its lanes, and what they share."""

    runtime: Runtime
    job_id: str
    stop_at: float  # monotonic: claim nothing after
    commits: GroupCommit
    lanes: Sequence[Lane]
    # Set when no more refunds are being written.
    expansion_done: asyncio.Event = field(default_factory=asyncio.Event)
    expansion_errors: list[Exception] = field(default_factory=list)  # of writing refunds

    def want_claims(self) -> None:
        """Have every lane look whether there is something to claim."""
        for lane in self.lanes:
            lane.claim_wanted.set()

    @property
    def is_over(self) -> bool:
        return (
            self.runtime.stopping.is_set()
            or time.monotonic() >= self.stop_at
            or bool(self.expansion_errors)
        )
