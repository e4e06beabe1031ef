"""A service goes on though its rounds fail, and ends at once when its process stops."""

import asyncio

import pytest
import structlog

from app.services import Service, keep_running, run

LONG = 600.0  # seconds that no test waits for


class Rounds:
    """Rounds that are counted; `then` may raise, or return the seconds until the next."""

    def __init__(self, then=lambda _count: None):
        self.count = 0
        self.then = then
        self.changed = asyncio.Event()

    async def __call__(self):
        self.count += 1
        self.changed.set()
        return self.then(self.count)

    async def reach(self, count):
        async with asyncio.timeout(20):
            while self.count < count:
                self.changed.clear()
                await self.changed.wait()


def fails(_count):
    raise ConnectionError("the database is away")


def service(run_once, **given):
    return Service("sweep", run_once, **({"every_seconds": LONG, "failed": "sweep.failed"} | given))


async def ended(task):
    async with asyncio.timeout(20):
        await task


async def test_a_round_that_raises_is_logged_with_the_service_s_name_and_ends_nothing():
    stopping = asyncio.Event()
    rounds = Rounds(fails)
    with structlog.testing.capture_logs() as logged:
        running = asyncio.create_task(keep_running(service(rounds, every_seconds=0.001), stopping))
        await rounds.reach(3)
        stopping.set()
        await ended(running)
    assert len(logged) == rounds.count
    assert logged[0] == {
        "event": "sweep.failed",
        "service": "sweep",
        "error": "ConnectionError",
        "log_level": "warning",
    }


async def test_after_a_round_that_raised_it_pauses_as_long_as_usual():
    stopping = asyncio.Event()
    rounds = Rounds(lambda count: 0.0 if count < 3 else fails(count))
    running = asyncio.create_task(keep_running(service(rounds), stopping))
    await rounds.reach(3)
    await asyncio.sleep(0.05)
    assert rounds.count == 3
    stopping.set()
    await ended(running)


async def test_the_stop_ends_a_pause_at_once():
    stopping = asyncio.Event()
    rounds = Rounds()
    running = asyncio.create_task(keep_running(service(rounds), stopping))
    await rounds.reach(1)
    stopping.set()
    await ended(running)
    assert rounds.count == 1


async def test_nothing_runs_once_it_has_been_stopped():
    stopping = asyncio.Event()
    stopping.set()
    rounds = Rounds()
    await keep_running(service(rounds), stopping)
    assert rounds.count == 0


async def test_the_stop_lets_a_round_end_that_works():
    stopping, release = asyncio.Event(), asyncio.Event()
    has_ended = []

    async def works():
        stopping.set()
        await release.wait()
        has_ended.append(True)

    running = asyncio.create_task(keep_running(service(works), stopping))
    await stopping.wait()
    release.set()
    await ended(running)
    assert has_ended


async def test_the_stop_cuts_off_a_round_that_only_waits():
    stopping, waits = asyncio.Event(), asyncio.Event()
    cut_off = []

    async def listens():
        waits.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.append(True)
            raise

    running = asyncio.create_task(keep_running(service(listens, only_waits=True), stopping))
    await waits.wait()
    stopping.set()
    await ended(running)
    assert cut_off


async def test_what_rounds_began_ends_before_the_service_and_then_it_is_closed():
    stopping, release = asyncio.Event(), asyncio.Event()
    order = []
    begun = set()

    async def slice_():
        await release.wait()
        order.append("slice")

    async def begins():
        begun.add(asyncio.create_task(slice_()))
        stopping.set()

    async def close():
        order.append("closed")

    running = asyncio.create_task(keep_running(service(begins, tasks=begun, close=close), stopping))
    await stopping.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done()
    release.set()
    await ended(running)
    assert order == ["slice", "closed"]


async def test_a_service_that_is_woken_runs_at_once_but_not_while_it_is_deaf():
    stopping, woken = asyncio.Event(), asyncio.Event()
    deaf = [LONG]
    rounds = Rounds()
    one = service(rounds, woken=woken, deaf_seconds=lambda: deaf[0])
    running = asyncio.create_task(keep_running(one, stopping))
    await rounds.reach(1)
    woken.set()
    await asyncio.sleep(0.05)
    assert rounds.count == 1
    stopping.set()
    await ended(running)
    stopping.clear()
    deaf[0] = 0.0
    running = asyncio.create_task(keep_running(one, stopping))
    await rounds.reach(2)
    woken.set()
    await rounds.reach(3)
    stopping.set()
    await ended(running)


async def test_should_one_die_the_others_end_in_order_and_whoever_runs_them_is_told():
    stopping = asyncio.Event()
    rounds = Rounds()

    async def breaks():
        raise ValueError("outside of its rounds")

    dying = service(Rounds(lambda _count: 0.0), close=breaks)
    others = service(rounds)
    running = asyncio.create_task(run([others, dying], stopping))
    await rounds.reach(1)
    stopping.set()
    with pytest.raises(ValueError, match="outside"):
        await ended(running)


async def test_a_database_that_is_away_when_it_is_closed_ends_nobody_else():
    stopping = asyncio.Event()
    rounds = Rounds()

    async def cant_be_reached():
        raise ConnectionRefusedError

    running = asyncio.create_task(
        run([service(Rounds(), close=cant_be_reached), service(rounds)], stopping)
    )
    await rounds.reach(1)
    stopping.set()
    await ended(running)


async def test_a_round_runs_alone():
    rounds = Rounds(lambda _count: 0.5)
    assert await service(rounds).run_once() == 0.5
    assert rounds.count == 1
