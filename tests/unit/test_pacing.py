"""Pacing without a network: what a business may have in flight, by a clock that the test turns."""

import asyncio

import pytest

from app.cancellation.pacing import Entry, Pace, Paces, Sign
from app.gateways.outcomes import Method


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return Pace(64, lambda: 64, lambda: 1.0, clock)


async def enter(pace, count=1, *, repeat=False):
    return [await pace.enter(repeat=repeat) for _ in range(count)]


async def hear(pace, sign, count=1, *, repeat=False, retry_after=0.0):
    """So many calls, one after the other, each answered like that."""
    for _ in range(count):
        assert await pace.enter(repeat=repeat) is Entry.GO
        pace.leave(sign, repeat=repeat, retry_after_seconds=retry_after)


async def test_a_new_pace_lets_all_go_and_the_next_wait(pace):
    assert await enter(pace, 64) == [Entry.GO] * 64
    waiting = asyncio.create_task(pace.enter(repeat=False))
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.leave(Sign.WELL, repeat=False)
    assert await waiting is Entry.GO
    assert pace.in_flight == 64


async def test_being_throttled_halves_the_window_and_time_gives_it_back(pace, clock):
    await hear(pace, Sign.THROTTLED, retry_after=2)
    assert pace.room == 0
    assert await pace.enter(repeat=False) is Entry.LATER
    clock.at += 2
    assert pace.room == 32
    clock.at += 10
    assert 32 < pace.room < 64
    clock.at += 20
    assert pace.room == 64


async def test_a_burst_of_throttled_answers_halves_once_and_bursts_in_a_row_go_down_to_one_call(pace, clock):
    await enter(pace, 64)
    for _ in range(64):
        pace.leave(Sign.THROTTLED, repeat=False)
    clock.at += 1
    assert pace.room == 32
    for _ in range(8):
        await hear(pace, Sign.THROTTLED)
        clock.at += 1
    assert pace.room == 1


async def test_those_who_wait_are_told_to_come_later_when_it_becomes_quiet(pace):
    await enter(pace, 64)
    waiting = [asyncio.create_task(pace.enter(repeat=False)) for _ in range(3)]
    await asyncio.sleep(0)
    assert pace.leave(Sign.THROTTLED, repeat=False) is Sign.THROTTLED
    assert await asyncio.gather(*waiting) == [Entry.LATER] * 3


async def test_now_and_then_a_failure_breaks_nothing(pace):
    for number in range(1000):
        await hear(pace, Sign.SICK if number % 10 < 3 else Sign.WELL)
    assert pace.room == 64


async def test_an_upstream_that_only_fails_is_left_alone_and_then_probed_by_single_calls(pace, clock):
    calls = 0
    while pace.room:
        await hear(pace, Sign.SICK)
        calls += 1
    assert calls < 20
    pauses = []
    for _ in range(8):
        assert await pace.enter(repeat=False) is Entry.LATER
        pauses.append(pace.quiet_seconds)
        clock.at += pace.quiet_seconds
        assert pace.room == 1
        assert await enter(pace, 2) == [Entry.GO, Entry.LATER]
        pace.leave(Sign.SICK, repeat=False)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    clock.at += 30
    await hear(pace, Sign.WELL)
    assert pace.room == 32


async def test_a_probe_that_is_throttled_is_followed_by_another_single_call(pace, clock):
    while pace.room:
        await hear(pace, Sign.SICK)
    clock.at += 1
    await hear(pace, Sign.THROTTLED, retry_after=5)
    assert pace.quiet_seconds == 5
    clock.at += 5
    assert pace.room == 1


async def test_an_upstream_that_only_fails_and_says_when_to_come_again_is_probed_then_too(pace, clock):
    await enter(pace, 64)
    for _ in range(64):
        pace.leave(Sign.SICK, repeat=False, retry_after_seconds=2)
    assert pace.quiet_seconds == 2
    clock.at += 2
    assert pace.room == 1


async def test_answers_to_calls_from_before_the_break_do_not_lengthen_the_pause(pace):
    await enter(pace, 64)
    for _ in range(64):
        pace.leave(Sign.SICK, repeat=False)
    assert pace.quiet_seconds == 1


async def test_a_balance_that_is_used_up_pauses_at_once_and_one_call_asks_whether_it_is_there_again(pace, clock):
    await enter(pace, 3)
    assert pace.leave(Sign.BROKE, repeat=False) is Sign.BROKE
    assert pace.leave(Sign.BROKE, repeat=False) is None
    assert pace.room == 0
    clock.at += 1
    assert pace.room == 1
    pace.leave(Sign.WELL, repeat=False)
    assert pace.room == 32


async def test_repeats_that_come_to_nothing_use_up_their_budget_and_first_calls_go_on(pace, clock):
    in_vain = 0
    while await pace.enter(repeat=True) is Entry.GO:
        pace.leave(Sign.SICK, repeat=True)
        in_vain += 1
        await hear(pace, Sign.WELL)  # each gives a fifth of a repeat
    assert in_vain == 159
    await hear(pace, Sign.WELL, 5)
    assert await pace.enter(repeat=True) is Entry.GO
    pace.leave(Sign.SICK, repeat=True)
    assert await pace.enter(repeat=True) is Entry.LATER
    clock.at += 1
    assert await pace.enter(repeat=True) is Entry.GO


async def test_repeats_that_are_answered_cost_nothing(pace):
    for _ in range(1000):
        await hear(pace, Sign.WELL, repeat=True)


def test_businesses_at_one_upstream_share_its_calls_and_the_other_upstream_is_not_theirs():
    paces = Paces(most=64, total=256, jitter=lambda: 1.0)
    with paces.at("a", Method.PAYMENT) as one, paces.at("a", Method.CREDIT) as other:
        assert (one.room, other.room) == (64, 64)
        with paces.at("b", Method.PAYMENT), paces.at("c", Method.PAYMENT), paces.at("d", Method.PAYMENT):
            assert one.room == 64
            with paces.at("e", Method.PAYMENT) as fifth, paces.at("e", Method.PAYMENT) as same:
                assert (one.room, fifth.room, other.room) == (51, 51, 64)
                assert fifth is same
        assert one.room == 64


async def test_what_a_pace_has_learnt_outlives_its_lanes_and_nothing_else_does():
    paces = Paces(most=8, total=32, jitter=lambda: 1.0)
    with paces.at("a", Method.PAYMENT) as pace:
        await hear(pace, Sign.THROTTLED, retry_after=60)
    assert paces.quiet_seconds("a", Method.PAYMENT) > 59
    assert paces.quiet_seconds("a", Method.CREDIT) <= 0
    assert paces.quiet_seconds("b", Method.PAYMENT) <= 0
    with paces.at("b", Method.PAYMENT) as pace:
        await hear(pace, Sign.WELL)
    assert set(paces._paces) == {("a", Method.PAYMENT)}
