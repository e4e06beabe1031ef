"""One lane: claims what is due for one key, sends it, records what came of it.

It ends when nothing is due any more. More goes at once the better it goes, and one at a time while
it fails. Nothing begins so late in its claim's lease that it could outlast it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic

from app.db.core.group_commit import GroupCommitter
from app.lanes.pauses import Pauses
from app.lanes.share import Share
from app.lanes.way import MAX_WINDOW, Came, Claimed, Row, Way

_LOOK_SECONDS: Final = 1.0
_YIELDS_AFTER_SECONDS: Final = 20.0  # while other keys wait for a lane
_FIRST_WINDOW: Final = 4
# With the window at its largest and quick answers, so many are claimed at a time: a claim costs
# more than a call.
_STOCK: Final = 4 * MAX_WINDOW
# After so long what is not on its way is given back: others may have it, or nobody any more.
_STOCK_SECONDS: Final = 2.0


@dataclass(slots=True)
class LaneContext:
    """What all lanes of one kind in a process share."""

    stopping: asyncio.Event
    share: Share
    pauses: Pauses = field(default_factory=Pauses)
    crowded: asyncio.Event = field(default_factory=asyncio.Event)  # keys wait for a lane


@dataclass(slots=True)
class _Lane(Generic[Claimed, Row]):
    """One key, while something is due for it."""

    key: str
    way: Way[Claimed, Row]
    window: int
    results: GroupCommitter[Row]
    is_quick: bool = False  # its last answer was
    has_more: bool = False  # the last claim got as much as it asked for
    # Claimed, and not on its way yet; with each until when (monotonic) it may begin.
    stock: deque[tuple[float, Claimed]] = field(default_factory=deque)
    senders: set[asyncio.Task[None]] = field(default_factory=set)  # each with one on its way
    failure: BaseException | None = None  # what a sender raised first
    wants_more: asyncio.Event = field(default_factory=asyncio.Event)


async def serve(
    context: LaneContext,
    key: str,
    way_to: Callable[[str], Way[Claimed, Row]],
    *,
    is_failing: bool,
) -> None:
    """Send all that is due for one key."""
    way = way_to(key)
    try:
        async with GroupCommitter[Row](
            lambda group: context.share.metered(way.record(group))
        ) as results:
            lane = _Lane(key, way, 1 if is_failing else _FIRST_WINDOW, results)
            try:
                await _keep_serving(context, lane)
            finally:
                await _end_calls(context, lane)
            _raise_failure(lane)
    except Exception as error:  # noqa: BLE001 - a lane's edge: no other is to end by it
        way.failed(error)
    finally:
        await way.aclose()


async def _keep_serving(context: LaneContext, lane: _Lane[Claimed, Row]) -> None:
    stopped = asyncio.create_task(context.stopping.wait())
    yields_at = time.monotonic() + _YIELDS_AFTER_SECONDS
    try:
        while not _is_held(context, lane) and not (
            context.crowded.is_set() and time.monotonic() > yields_at
        ):
            lane.wants_more.clear()
            if most := _wanted(context, lane):
                await _refill(context, lane, most)
            _send_side_by_side(context, lane)
            if not lane.senders:
                return
            # Not only until a call ends: one may hang, and what is new is not to wait for it.
            wanted = asyncio.create_task(lane.wants_more.wait())
            await asyncio.wait(
                [stopped, wanted, *lane.senders],
                timeout=_LOOK_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            wanted.cancel()
            _raise_failure(lane)
    finally:
        stopped.cancel()


def _is_held(context: LaneContext, lane: _Lane[Any, Any]) -> bool:
    """Whether nothing more is to begin here."""
    return context.stopping.is_set() or context.pauses.hold(lane.key)


def _wanted(context: LaneContext, lane: _Lane[Any, Any]) -> int:
    """How many to claim now."""
    is_at_its_best = lane.window == MAX_WINDOW and lane.is_quick and lane.has_more
    if is_at_its_best and not context.share.is_pinched:
        return _STOCK - len(lane.stock) if len(lane.stock) <= MAX_WINDOW else 0
    having = len(lane.stock) + len(lane.senders)
    room = lane.window - having
    return max(1, room) if room >= max(1, lane.window // 2) or not having else 0


async def _refill(context: LaneContext, lane: _Lane[Claimed, Row], most: int) -> None:
    """Claim up to so many, as the share of lanes allows."""
    await context.share.acquire(most)
    if _is_held(context, lane):
        context.share.ended(most)
        return
    # A lease begins in the midst of its claim, whose commit may take long.
    last_begin = time.monotonic() + lane.way.begins_within_seconds
    count = 0
    try:
        claimed = await lane.way.claim(most)
        count = len(claimed)
        lane.has_more = count == most
    finally:
        context.share.ended(most - count)
    until = min(last_begin, time.monotonic() + _STOCK_SECONDS)
    lane.stock.extend((until, one) for one in claimed)


def _send_side_by_side(context: LaneContext, lane: _Lane[Claimed, Row]) -> None:
    """Fill the window with senders, as far as there is something to send."""
    while len(lane.senders) < lane.window and (first := _next(context, lane)) is not None:
        sender = asyncio.create_task(context.share.metered(_keep_sending(context, lane, first)))
        lane.senders.add(sender)
        sender.add_done_callback(partial(_sender_ended, lane))


def _next(context: LaneContext, lane: _Lane[Claimed, Row]) -> Claimed | None:
    """What is to be sent next; what was claimed too long ago is given back."""
    if lane.stock and context.pauses.hold(lane.key):
        _give_back_stock(context, lane)
    while lane.stock:
        until, claimed = lane.stock.popleft()
        if time.monotonic() <= until:
            return claimed
        context.share.ended(1)
        _give_back(lane, claimed)
    return None


def _sender_ended(lane: _Lane[Any, Any], sender: asyncio.Task[None]) -> None:
    lane.senders.discard(sender)
    lane.wants_more.set()
    if not sender.cancelled():
        failure = sender.exception()
        lane.failure = lane.failure or failure


def _raise_failure(lane: _Lane[Any, Any]) -> None:
    """End the lane by what a sender raised, whenever that was."""
    if lane.failure is not None:
        raise lane.failure


async def _keep_sending(context: LaneContext, lane: _Lane[Claimed, Row], claimed: Claimed) -> None:
    """Send this one, and then from the stock, one after the other.

    It goes on while the window has room for this sender.
    """
    while True:
        try:
            await _send(context, lane, claimed)
        finally:
            context.share.ended(1)
        if len(lane.stock) <= MAX_WINDOW:
            lane.wants_more.set()
        _send_side_by_side(context, lane)
        if len(lane.senders) > lane.window or (following := _next(context, lane)) is None:
            return
        claimed = following


async def _send(context: LaneContext, lane: _Lane[Claimed, Row], claimed: Claimed) -> None:
    try:
        came = await lane.way.send(claimed)
    except asyncio.CancelledError:
        _give_back(lane, claimed)
        raise
    if came.went_well is not None:
        lane.window = min(2 * lane.window, MAX_WINDOW) if came.went_well else 1
        lane.is_quick = came.went_well and came.is_quick
    _pause(context, lane.key, came)
    lane.results.add(came.row)
    if came.went_well is False:
        _give_back_stock(context, lane)


def _pause(context: LaneContext, key: str, came: Came[Any]) -> None:
    if came.pause_seconds <= 0:
        return
    if came.pauses_all:
        context.pauses.pause_all(seconds=came.pause_seconds)
    else:
        context.pauses.pause(key, seconds=came.pause_seconds)


async def _end_calls(context: LaneContext, lane: _Lane[Any, Any]) -> None:
    """Let what is on its way end, and give back the rest.

    When the worker stops, the former has only a moment.
    """
    try:
        _give_back_stock(context, lane)
    finally:
        stopped = asyncio.create_task(context.stopping.wait())
        while lane.senders and not stopped.done():
            await asyncio.wait([stopped, *lane.senders], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if lane.senders:
            _, late = await asyncio.wait(set(lane.senders), timeout=lane.way.grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def _give_back_stock(context: LaneContext, lane: _Lane[Any, Any]) -> None:
    while lane.stock:
        _, claimed = lane.stock.popleft()
        context.share.ended(1)
        _give_back(lane, claimed)


def _give_back(lane: _Lane[Claimed, Row], claimed: Claimed) -> None:
    """It is due at once, and was not sent."""
    lane.results.add(lane.way.give_back(claimed))
