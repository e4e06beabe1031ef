"""Turns at writing: one at a time, the least served first, and nobody left out."""

import asyncio
import contextlib

from app.db.core.fair_lock import FairLock, current_writer


async def write(turns, who, log, seconds=0.0):
    current_writer.set(who)
    async with turns:
        log.append(who)
        await asyncio.sleep(seconds)


async def test_one_writes_at_a_time():
    turns, inside = FairLock(), []

    async def one(number):
        async with turns:
            inside.append(number)
            await asyncio.sleep(0)
            assert inside == [number]
            inside.remove(number)

    await asyncio.gather(*(one(number) for number in range(50)))


async def test_who_has_written_little_goes_before_those_who_have_written_much_and_came_earlier():
    turns, log, few_wait = FairLock(), [], asyncio.Event()

    async def write_until_few_wait():
        current_writer.set("large")
        async with turns:
            log.append("large")
            await asyncio.sleep(0.05)
            await few_wait.wait()

    many = [asyncio.create_task(write_until_few_wait()) for _ in range(5)]
    await asyncio.sleep(0)  # the first of them writes
    few = [asyncio.create_task(write(turns, "small", log)) for _ in range(2)]
    await asyncio.sleep(0)
    few_wait.set()
    await asyncio.gather(*many, *few)
    assert log == ["large", "small", "small", *["large"] * 4]


async def test_two_with_much_to_write_take_turns():
    log = []
    turns = FairLock(clock=lambda: 0.002 * len(log))  # each turn takes as long
    await asyncio.gather(*(write(turns, who, log) for who in ["a"] * 10 + ["b"] * 10))
    assert {log[:10].count("a"), log[:10].count("b")} <= {4, 5, 6}


async def test_those_who_give_up_waiting_keep_nobody_else_from_writing():
    turns, log = FairLock(), []
    holder = asyncio.create_task(write(turns, "holder", log, 0.02))
    await asyncio.sleep(0)
    leaving = [asyncio.create_task(write(turns, "leaving", log)) for _ in range(3)]
    staying = asyncio.create_task(write(turns, "staying", log))
    await asyncio.sleep(0.005)
    for task in leaving[:2]:
        task.cancel()
    await holder
    leaving[2].cancel()  # at the very moment at which its turn may have come
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*leaving)
    await staying
    await write(turns, "last", log)
    assert log[-2:] == ["staying", "last"]


async def test_a_turn_that_comes_to_one_who_is_just_being_cancelled_goes_to_the_next():
    turns, log = FairLock(), []
    await turns.__aenter__()
    first, second = (asyncio.create_task(write(turns, who, log)) for who in ("first", "second"))
    await asyncio.sleep(0)
    first.cancel()  # it has not noticed yet
    await turns.__aexit__(None, None, None)
    await asyncio.wait([first, second], timeout=1)
    assert log == ["second"]
    await turns.__aenter__()
    third = asyncio.create_task(write(turns, "third", log))
    fourth = asyncio.create_task(write(turns, "fourth", log))
    await asyncio.sleep(0)
    await turns.__aexit__(None, None, None)  # it is the third's turn, who has not woken yet
    third.cancel()
    await asyncio.wait([third, fourth], timeout=1)
    assert log == ["second", "fourth"]
