"""One endpoint's lane: claims what is due, sends it, writes what came of it.

It ends when nothing is due any more. More calls go at once the better the endpoint takes them, and
one at a time while it fails. No call begins so late in its claim's lease that it could outlast it.
"""

import asyncio
import datetime as dt
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from app.db.core.group_commit import GroupCommitter
from app.db.webhooks.attempts import AttemptRow
from app.db.webhooks.deliveries import ClaimedDelivery
from app.webhooks import retries
from app.webhooks.batch import Batch, DeliveryContext, claim, record
from app.webhooks.send import EndpointClient
from app.webhooks.signing import signed

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_YIELDS_AFTER_SECONDS: Final = 20.0  # while other endpoints wait for a lane
_FIRST_WINDOW: Final = 4
_MAX_WINDOW: Final = 16
# With the window at its largest and quick answers, so many are claimed at a time: a claim costs
# more than a call.
_STOCK: Final = 4 * _MAX_WINDOW
_QUICK_MILLISECONDS: Final = 200
# After so long what is not on its way is given back: others may have it, or nobody any more.
_STOCK_SECONDS: Final = 2.0
# For calls in flight when the worker stops; others are soon made again elsewhere.
_GRACE_SECONDS: Final = 1.0
_UNREADABLE_WAITS_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Lane:
    """One endpoint, while something is due for it."""

    endpoint_id: str
    window: int
    client: EndpointClient
    results: GroupCommitter[AttemptRow]
    is_quick: bool = False  # its last answer was
    has_more: bool = False  # the last claim got as much as it asked for
    # Claimed, and not on its way yet.
    stock: deque[tuple[Batch, ClaimedDelivery]] = field(default_factory=deque)
    senders: set[asyncio.Task[None]] = field(default_factory=set)  # each with one on its way
    wants_more: asyncio.Event = field(default_factory=asyncio.Event)


async def serve(context: DeliveryContext, endpoint_id: str, *, is_failing: bool) -> None:
    """Deliver all that is due to one endpoint."""
    client = EndpointClient(
        context.policy,
        context.resolver,
        context.tls,
        most_connections=_MAX_WINDOW,
        total_seconds=context.timeout_seconds,
    )
    try:
        async with GroupCommitter[AttemptRow](
            lambda group: context.share.metered(record(context.db, endpoint_id, group))
        ) as results:
            lane = _Lane(endpoint_id, 1 if is_failing else _FIRST_WINDOW, client, results)
            try:
                await _keep_delivering(context, lane)
            finally:
                await _end_calls(context, lane)
    except Exception as error:
        log.exception("webhooks.lane_failed", endpoint_id=endpoint_id, error=type(error).__name__)
    finally:
        await client.aclose()


async def _keep_delivering(context: DeliveryContext, lane: _Lane) -> None:
    stopped = asyncio.create_task(context.stopping.wait())
    yields_at = time.monotonic() + _YIELDS_AFTER_SECONDS
    try:
        while not context.stopping.is_set() and not (
            context.crowded.is_set() and time.monotonic() > yields_at
        ):
            lane.wants_more.clear()
            if most := _wanted(context, lane):
                await _refill(context, lane, most)
            _send_side_by_side(context, lane)
            if not lane.senders:
                return
            # Not only until a call ends: one may hang, and new events are not to wait for it.
            wanted = asyncio.create_task(lane.wants_more.wait())
            ended, _ = await asyncio.wait(
                [stopped, wanted, *lane.senders],
                timeout=_LOOK_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            wanted.cancel()
            for one in ended - {stopped, wanted}:
                one.result()
    finally:
        stopped.cancel()


def _wanted(context: DeliveryContext, lane: _Lane) -> int:
    """How many to claim now."""
    is_at_its_best = lane.window == _MAX_WINDOW and lane.is_quick and lane.has_more
    if is_at_its_best and not context.share.is_pinched:
        return _STOCK - len(lane.stock) if len(lane.stock) <= _MAX_WINDOW else 0
    having = len(lane.stock) + len(lane.senders)
    room = lane.window - having
    return max(1, room) if room >= max(1, lane.window // 2) or not having else 0


async def _refill(context: DeliveryContext, lane: _Lane, most: int) -> None:
    """Claim up to so many, as the share of deliveries allows."""
    await context.share.acquire(most)
    if context.stopping.is_set():
        context.share.ended(most)
        return
    claimed = 0
    try:
        batch = await claim(context, lane.endpoint_id, most=most)
        claimed = len(batch.claimed)
        lane.has_more = claimed == most
    finally:
        context.share.ended(most - claimed)
    lane.stock.extend((batch, one) for one in batch.claimed)


def _send_side_by_side(context: DeliveryContext, lane: _Lane) -> None:
    """Fill the window with senders, as far as there is something to send."""
    while len(lane.senders) < lane.window and (first := _next(context, lane)) is not None:
        sender = asyncio.create_task(context.share.metered(_keep_sending(context, lane, *first)))
        lane.senders.add(sender)
        sender.add_done_callback(partial(_sender_ended, lane))


def _next(context: DeliveryContext, lane: _Lane) -> tuple[Batch, ClaimedDelivery] | None:
    """What is to be sent next; what was claimed too long ago is given back."""
    while lane.stock:
        batch, claimed = lane.stock.popleft()
        if time.monotonic() - batch.claimed_at <= _STOCK_SECONDS:
            return batch, claimed
        context.share.ended(1)
        _give_back(lane, batch, claimed)
    return None


def _sender_ended(lane: _Lane, sender: asyncio.Task[None]) -> None:
    lane.senders.discard(sender)
    lane.wants_more.set()


async def _keep_sending(
    context: DeliveryContext, lane: _Lane, batch: Batch, claimed: ClaimedDelivery
) -> None:
    """Send this one, and then from the stock, one after the other.

    It goes on while the window has room for this sender.
    """
    while True:
        try:
            await _deliver(context, lane, batch, claimed)
        finally:
            context.share.ended(1)
        if len(lane.stock) <= _MAX_WINDOW:
            lane.wants_more.set()
        _send_side_by_side(context, lane)
        if len(lane.senders) > lane.window or (following := _next(context, lane)) is None:
            return
        batch, claimed = following


async def _end_calls(context: DeliveryContext, lane: _Lane) -> None:
    """Let the calls in flight end, and give back the rest.

    When the worker stops they have only a moment.
    """
    try:
        _give_back_stock(context, lane)
    finally:
        stopped = asyncio.create_task(context.stopping.wait())
        while lane.senders and not stopped.done():
            await asyncio.wait([stopped, *lane.senders], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if lane.senders:
            _, late = await asyncio.wait(set(lane.senders), timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def _give_back_stock(context: DeliveryContext, lane: _Lane) -> None:
    while lane.stock:
        batch, claimed = lane.stock.popleft()
        context.share.ended(1)
        _give_back(lane, batch, claimed)


def _give_back(lane: _Lane, batch: Batch, claimed: ClaimedDelivery) -> None:
    """It is due at once, and no attempt was made."""
    lane.results.add(_came(lane, batch, claimed)(False, 0.0, None, None, None, None))


def _came(lane: _Lane, batch: Batch, claimed: ClaimedDelivery) -> partial[AttemptRow]:
    return partial(
        AttemptRow, lane.endpoint_id, claimed.event_id, claimed.epoch, claimed.tries, batch.url
    )


async def _deliver(
    context: DeliveryContext, lane: _Lane, batch: Batch, claimed: ClaimedDelivery
) -> None:
    """One attempt, and what it came to."""
    came = _came(lane, batch, claimed)
    if not batch.secrets:
        # The operator's to mend, and no fault of the endpoint: it waits.
        lane.results.add(came(False, _UNREADABLE_WAITS_SECONDS, None, None, None, None))
        return
    try:
        headers = signed(
            claimed.event_id, claimed.payload, batch.secrets, at=dt.datetime.now(dt.UTC)
        )
        result = await lane.client.post(batch.url, headers, claimed.payload.encode())
    except asyncio.CancelledError:
        _give_back(lane, batch, claimed)
        raise
    delivered = retries.is_delivered(result.status)
    lane.window = min(2 * lane.window, _MAX_WINDOW) if delivered else 1
    lane.is_quick = delivered and result.milliseconds <= _QUICK_MILLISECONDS
    due_in = None
    if not delivered:
        due_in = retries.next_in(
            claimed.tries + 1,
            jitter=context.jitter(),
            retry_after_seconds=result.retry_after_seconds,
        )
    lane.results.add(
        came(delivered, due_in, result.status, result.error, result.response, result.milliseconds)
    )
    if not delivered:
        _give_back_stock(context, lane)
