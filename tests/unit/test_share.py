"""What deliveries take of a process: a share while refunds are under way, else all.

The clocks are the test's own.
"""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from app.lanes.share import IDLE_SHARE, LEAST, USUAL_SECONDS, Share

COST = 0.0006  # of a delivery
SHARE = 0.1


@dataclass
class World:
    """A thread whose other work takes a part of a core, and what waits passes the time."""

    others: float
    is_busy: bool = True
    of_thread: float = SHARE
    at: float = 0.0
    used: float = 0.0
    delivered: float = 0.0  # seconds
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self):
        self.share = Share(
            lambda: self.is_busy,
            self.stopping,
            of_thread=self.of_thread,
            clock=lambda: self.at,
            used=lambda: self.used,
            sleep=self.sleep,
        )

    async def sleep(self, seconds):
        self.at += seconds
        self.used += self.others * seconds
        await asyncio.sleep(0)

    async def step(self):
        self.used += COST
        self.delivered += COST

    async def deliver(self, count):
        """Claim so many when it is their turn, and send them."""
        await self.share.acquire(count)
        for _ in range(count):
            await self.share.metered(self.step())
        self.share.ended(count)


async def delivering(world, seconds, *, each=16):
    """Keep delivering; what deliveries had of a core."""
    began, had = world.at, world.delivered
    while world.at - began < seconds:
        await world.deliver(each)
    return (world.delivered - had) / (world.at - began)


async def test_with_nothing_under_way_nobody_waits():
    world = World(others=0.9, is_busy=False)
    for _ in range(1_000):
        await world.deliver(16)
    assert world.at == 0.0


@pytest.mark.parametrize("of_thread", [0.1, 0.04])
async def test_while_refunds_are_under_way_lanes_have_their_part_of_the_thread_s_time(of_thread):
    world = World(others=0.8, of_thread=of_thread)
    await delivering(world, 5)
    used, delivered = world.used, world.delivered
    await delivering(world, 60)
    had = (world.delivered - delivered) / (world.used - used)
    assert 0.8 * of_thread < had <= 1.02 * of_thread


async def test_however_little_time_the_thread_has_deliveries_go_on():
    assert await delivering(World(others=0.1), 60) > 0.9 * LEAST


async def test_while_refunds_only_wait_deliveries_have_a_good_part_of_the_core():
    world = World(others=0.01)
    await delivering(world, 5)
    assert 0.9 * IDLE_SHARE < await delivering(world, 60) <= 1.02 * IDLE_SHARE


async def test_when_refunds_begin_to_work_deliveries_give_way_within_seconds():
    world = World(others=0.01)
    await delivering(world, 5)
    world.others = 0.6
    await delivering(world, 2)
    assert await delivering(world, 10) < 2 * SHARE * world.others


async def test_when_the_refunds_have_ended_nothing_is_owed_any_more():
    world = World(others=0.6)
    await world.deliver(10_000)
    world.is_busy = False
    before = world.at
    await world.deliver(16)
    assert world.at == before


async def test_calls_that_hang_keep_nobody_from_a_turn():
    world = World(others=0.6)
    for _ in range(100):
        await world.share.acquire(16)  # and none of them ends
    assert world.at <= 100 * 16 * USUAL_SECONDS / (SHARE * world.others) + 100 * 0.02


async def test_who_asks_once_waits_for_no_more_than_one_turn_of_each_other():
    world = World(others=0.6)
    turns = []

    async def ask(name):
        await world.deliver(16)
        turns.append(name)

    async def keep_asking(name):
        while "small" not in turns:
            await ask(name)

    large = [asyncio.create_task(keep_asking(f"large {number}")) for number in range(20)]
    await world.sleep(10)
    turns.clear()
    await asyncio.gather(ask("small"), *large)
    before = turns[: turns.index("small")]
    assert max(map(before.count, set(before)), default=0) <= 2
    assert len(before) <= 21


async def test_who_waits_when_the_worker_stops_waits_no_longer():
    world = World(others=0.6)
    await world.deliver(100_000)
    world.stopping.set()
    await world.share.acquire(16)
    assert world.at == 0.0


async def test_what_is_metered_gives_and_raises_what_it_would_without():
    share = Share(lambda: True, asyncio.Event(), of_thread=SHARE)

    async def gives():
        await asyncio.sleep(0)
        return 7

    async def raises():
        await asyncio.sleep(0)
        raise LookupError

    assert await share.metered(gives()) == 7
    with pytest.raises(LookupError):
        await share.metered(raises())


async def test_what_is_metered_is_told_of_a_cancellation():
    told = []

    async def waits():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            told.append("cancelled")
            raise

    task = asyncio.create_task(
        Share(lambda: True, asyncio.Event(), of_thread=SHARE).metered(waits())
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled"]


async def test_waiting_is_not_metered_and_work_is():
    turns = []

    async def works():
        await asyncio.sleep(0.05)
        begun = time.thread_time()
        while time.thread_time() - begun < 0.02:
            pass

    async def passing(seconds):
        turns.append(seconds)
        await asyncio.sleep(0)

    share = Share(lambda: not turns[2:], asyncio.Event(), of_thread=SHARE, sleep=passing)
    await share.acquire(0)
    assert turns == []
    await share.metered(works())
    await share.acquire(0)
    assert turns  # 20 ms of work are owed
