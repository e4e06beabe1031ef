"""Which keys get a lane: those that something is due for, the healthy ones first.

So a slow or dead one delays no other. Rows alone say what is due, and whose it is: a commit that
wrote some only prompts to look.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from app.lanes.lane import LaneContext, serve
from app.lanes.share import Share
from app.lanes.way import Claimed, Row, Way

LOOK_SECONDS: Final = 1.0
# Between two looks, however many commits made something due.
_TOGETHER_SECONDS: Final = 0.1
_MAX_LANES: Final = 128
_MAX_FAILING_LANES: Final = 96  # the rest are for those to whom all goes well

Due: TypeAlias = tuple[str, bool]  # a key, and whether it is failing


@dataclass(slots=True)
class Lanes:
    """What a process keeps of its lanes of one kind, from one look to the next."""

    context: LaneContext
    # Set by a commit of this process that made something due.
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    # With each its key, and whether that was failing when the lane began.
    running: dict[asyncio.Task[None], Due] = field(default_factory=dict)
    # Due at the last look though they had a lane, which may have claimed its last before that.
    again: set[str] = field(default_factory=set)
    # Monotonic, by key: when its last lane began.
    served_at: dict[str, float] = field(default_factory=dict)


def opened(stopping: asyncio.Event, *, yields: Callable[[], bool], of_thread: float) -> Lanes:
    """None runs yet.

    Args:
        stopping: ends lanes; what is not sent yet is given back then.
        yields: whether something is under way in this process that goes first; lanes then keep to
            `share`.
        of_thread: which part of the thread's time that share is.
    """
    return Lanes(LaneContext(stopping, Share(yields, stopping, of_thread=of_thread)))


def start_due(lanes: Lanes, due: Sequence[Due], way_to: Callable[[str], Way[Claimed, Row]]) -> None:
    """Start a lane for each key that something is due for, and that no pause holds.

    Args:
        lanes: of this process.
        due: the longest first, as rows say now.
        way_to: opens a key's way, when its lane begins; it raises nothing.
    """
    context = lanes.context
    context.pauses.forget_past()
    free = [one for one in due if not context.pauses.hold(one[0])]
    chosen = choose(free, list(lanes.running.values()), lanes.served_at)
    busy = {key for key, _ in lanes.running.values()}
    lanes.again = {key for key, _ in due if key in busy}
    for key, is_failing in chosen:
        lane = asyncio.create_task(
            context.share.metered(serve(context, key, way_to, is_failing=is_failing))
        )
        lanes.running[lane] = key, is_failing
        lane.add_done_callback(partial(_lane_ended, lanes))
    having = {key for key, _ in lanes.running.values()}
    served_at = lanes.served_at | dict.fromkeys((key for key, _ in chosen), time.monotonic())
    lanes.served_at = {key: served_at[key] for key, _ in due if key in served_at}
    if any(key not in having for key, _ in free):
        context.crowded.set()
    else:
        context.crowded.clear()


def _lane_ended(lanes: Lanes, lane: asyncio.Task[None]) -> None:
    """Look again for what was due while this lane was ending.

    Nobody else wakes it for that.
    """
    key, _ = lanes.running.pop(lane)
    if key in lanes.again:
        lanes.woken.set()


def deaf_seconds(*, pinched: bool) -> float:
    """For how many seconds after a look no commit wakes it.

    It is as long as unprompted while refunds go on, for each commit wakes it.
    """
    return LOOK_SECONDS if pinched else _TOGETHER_SECONDS


def choose(due: Sequence[Due], running: Sequence[Due], served_at: Mapping[str, float]) -> list[Due]:
    """The keys that get a lane now: healthy ones first.

    Failing ones never get all lanes. Of each kind, who has waited comes first.

    Args:
        due: keys that something is due for, the longest first, and whether they are failing.
        running: those that have a lane, and whether they were failing then.
        served_at: when the last lane of each began; of one that is not there none has for a while.
    """
    busy = {key for key, _ in running}
    waiting = sorted(
        (one for one in due if one[0] not in busy), key=lambda one: served_at.get(one[0], 0.0)
    )
    room = _MAX_LANES - len(running)
    healthy = [one for one in waiting if not one[1]][:room]
    room_of_failing = min(
        room - len(healthy), _MAX_FAILING_LANES - sum(failing for _, failing in running)
    )
    return healthy + [one for one in waiting if one[1]][: max(0, room_of_failing)]
