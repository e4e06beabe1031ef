"""The calling half of a lane: its callers make one call each at a time.

Sends and look-ups go beside each other. One payment has one call in flight: beside another, it
would only be told that the payment is locked.
"""

import asyncio
from collections import deque

from app.db.refunds.claims import ClaimedRefund
from app.refunds.execute import execute
from app.refunds.slices.lane import ClaimedCall, Lane, Slice


async def keep_calling(this: Slice, lane: Lane, calls: asyncio.Queue[ClaimedCall | None]) -> None:
    """Call for what is claimed, until there is no more of it."""
    while (one := await calls.get()) is not None:
        if lane.unsent <= lane.refill_at:
            lane.refill_at = -1
            lane.claim_wanted.set()
        key = one[0].payment_id or one[0].account_id or one[0].id
        if key in lane.at_object:
            lane.at_object[key].append(one)
            continue
        behind = lane.at_object[key] = deque([one])
        while behind:
            await _call(this, lane, *behind.popleft())
        del lane.at_object[key]


async def _call(this: Slice, lane: Lane, claimed: ClaimedRefund, send_before: float) -> None:
    update = await execute(this.runtime, lane.context, claimed, send_before=send_before)
    this.commits.add_update(claimed, update)
    lane.at_work -= 1
    if not lane.at_work:
        this.want_claims()
