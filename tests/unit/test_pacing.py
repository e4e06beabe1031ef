"""Pacing without a network: what a business may have in flight, by a clock that the test turns."""

import asyncio
import itertools

import pytest

from app.gateways.outcomes import UpstreamMethod
from app.refunds.pacing.pace import Account, Admission, Pace, Signal
from app.refunds.pacing.paces import Paces
from app.refunds.pacing.sharing import AccountRate


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
    """One that has been answered often enough to have all of its window."""
    one = Pace(64, lambda: 64, lambda: 1.0, clock)
    for _ in range(64):
        one.sends.taken += 1
        one.leave(Signal.WELL, repeat=False)
    return one


async def enter(pace, count=1, *, repeat=False):
    return [await pace.enter(repeat=repeat) for _ in range(count)]


async def turns(count):
    """Let all that can go on do so, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def hear(pace, sign, count=1, *, repeat=False, retry_after=0.0):
    """So many calls, one after the other, each answered like that."""
    for _ in range(count):
        assert await pace.enter(repeat=repeat) is Admission.GO
        pace.leave(sign, repeat=repeat, retry_after_seconds=retry_after)


async def test_a_new_pace_begins_with_a_few_and_has_one_more_for_each_that_is_answered(clock):
    new = Pace(64, lambda: 64, lambda: 1.0, clock)
    assert new.room == 8
    await hear(new, Signal.WELL, 10)
    assert new.room == 18
    await hear(new, Signal.WELL, 100)
    assert new.room == 64


async def test_a_full_window_lets_all_go_and_the_next_wait(pace):
    assert await enter(pace, 64) == [Admission.GO] * 64
    waiting = asyncio.create_task(pace.enter(repeat=False))
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.leave(Signal.WELL, repeat=False)
    assert await waiting is Admission.GO
    assert pace.in_flight == 64


async def test_one_that_is_throttled_takes_nothing_from_the_others(pace):
    """Whether it is of the rate, `rate` weighs: tests/unit/test_rate.py."""
    await hear(pace, Signal.THROTTLED, 6, retry_after=30)
    assert (pace.room, pace.is_shut) == (64, False)
    assert await enter(pace, 64) == [Admission.GO] * 64


async def test_too_many_at_once_lower_the_window_to_what_was_left_and_it_grows_by_one_a_second(
    pace, clock
):
    await enter(pace, 64)
    for _ in range(48):  # of 64 at once, where 16 may be
        pace.leave(Signal.CROWDED, repeat=False)
    assert pace.room == 16
    clock.at += 10
    assert pace.room == 26
    clock.at += 40
    assert pace.room == 64


async def test_look_ups_go_beside_the_sends_and_take_none_of_their_places(pace):
    await enter(pace, 64)
    assert [await pace.enter(repeat=False, look_up=True) for _ in range(32)] == [Admission.GO] * 32
    waiting = asyncio.create_task(pace.enter(repeat=False, look_up=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.leave(Signal.WELL, repeat=False)  # the place of one that was sent
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.leave(Signal.WELL, repeat=False, look_up=True)
    assert await waiting is Admission.GO


async def test_those_who_wait_are_told_to_come_later_when_it_becomes_quiet(pace):
    await enter(pace, 64)
    waiting = [asyncio.create_task(pace.enter(repeat=False)) for _ in range(3)]
    await asyncio.sleep(0)
    assert pace.leave(Signal.OUT_OF_FUNDS, repeat=False) is Signal.OUT_OF_FUNDS
    assert await asyncio.gather(*waiting) == [Admission.DEFER] * 3


async def test_seven_refusals_in_a_row_make_a_pace_and_who_tells_of_it_is_rung(pace, clock):
    bell = asyncio.Event()
    pace.account.publishers.add(bell)
    for _ in range(6):
        pace.answered(clock.at, refused=True)
        clock.at += 0.001
    assert (pace.per_second, bell.is_set()) == (None, False)
    pace.answered(clock.at, refused=True)
    assert pace.per_second is not None
    assert bell.is_set()


async def test_two_lanes_of_one_account_take_turns_and_nobody_goes_before_the_pace_lets_them(clock):
    account = Account(AccountRate("worker"))
    lanes = [Pace(64, lambda: 64, lambda: 1.0, clock, account=account) for _ in range(2)]
    account.rate.rate.cruise(clock.at, 100.0)
    account.rate.version = 1
    went = []

    async def call(lane):
        assert await lane.enter(repeat=False) is Admission.GO
        went.append(clock.at)

    async def turn_the_clock():
        while len(went) < 16:
            await asyncio.sleep(0)
            clock.at += 0.001

    turning = asyncio.create_task(turn_the_clock())
    await asyncio.gather(*(call(lane) for lane in lanes for _ in range(8)))
    await turning
    for (n, earlier), (m, later) in itertools.combinations(enumerate(went), 2):
        # A turn that was missed is made up for, two at most.
        assert m - n <= 100 * (later - earlier) + 3
    assert lanes[0].in_line == lanes[1].in_line == 0


async def test_an_account_of_which_nothing_passes_is_left_alone_by_all_its_lanes(clock):
    account = Account(AccountRate("worker"))
    lane = Pace(64, lambda: 64, lambda: 1.0, clock, account=account)
    account.rate.rate.darken(clock.at, 5.0)
    assert (lane.room, lane.quiet_seconds) == (0, 5.0)
    assert await lane.enter(repeat=False) is Admission.DEFER


async def test_now_and_then_a_failure_breaks_nothing(pace):
    for number in range(1000):
        await hear(pace, Signal.FAILING if number % 10 < 3 else Signal.WELL)
    assert pace.room == 64


async def test_an_upstream_that_only_fails_is_left_alone_and_then_probed_by_single_calls(
    pace, clock
):
    calls = 0
    while pace.room:
        await hear(pace, Signal.FAILING)
        calls += 1
    assert calls < 20
    pauses = []
    for _ in range(12):
        assert await pace.enter(repeat=False) is Admission.DEFER
        pauses.append(pace.quiet_seconds)
        clock.at += pace.quiet_seconds
        assert pace.room == 1
        assert await enter(pace, 2) == [Admission.GO, Admission.DEFER]
        pace.leave(Signal.FAILING, repeat=False)
    assert all(1 <= pause <= 30 for pause in pauses)
    assert pauses == sorted(pauses)
    # The last pause is a quarter of the outage's age.
    assert pauses[-1] == pytest.approx((clock.at - pauses[-1] - 1000.0) / 4)
    clock.at += pace.quiet_seconds
    await hear(pace, Signal.WELL)
    assert pace.room == 64


async def test_a_probe_that_is_throttled_is_followed_by_another_single_call(pace, clock):
    while pace.room:
        await hear(pace, Signal.FAILING)
    clock.at += 1
    await hear(pace, Signal.THROTTLED, retry_after=5)
    assert pace.quiet_seconds == 5
    clock.at += 5
    assert pace.room == 1


async def test_an_upstream_that_only_fails_and_says_when_to_come_again_is_probed_then_too(
    pace, clock
):
    await enter(pace, 64)
    for _ in range(64):
        pace.leave(Signal.FAILING, repeat=False, retry_after_seconds=2)
    assert pace.quiet_seconds == 2
    clock.at += 2
    assert pace.room == 1


async def test_answers_to_calls_from_before_the_break_do_not_lengthen_the_pause(pace):
    await enter(pace, 64)
    for _ in range(64):
        pace.leave(Signal.FAILING, repeat=False)
    assert pace.quiet_seconds == 1


async def test_a_balance_that_is_used_up_pauses_at_once_and_one_call_asks_whether_it_is_there_again(
    pace, clock
):
    await enter(pace, 3)
    assert pace.leave(Signal.OUT_OF_FUNDS, repeat=False) is Signal.OUT_OF_FUNDS
    assert pace.leave(Signal.OUT_OF_FUNDS, repeat=False) is None
    assert pace.room == 0
    clock.at += 1
    assert pace.room == 1
    pace.leave(Signal.WELL, repeat=False)
    assert pace.room == 64


async def test_repeats_that_come_to_nothing_use_up_their_budget_and_first_calls_go_on(pace, clock):
    in_vain = 0
    while await pace.enter(repeat=True) is Admission.GO:
        pace.leave(Signal.FAILING, repeat=True)
        in_vain += 1
        await hear(pace, Signal.WELL)  # each gives a fifth of a repeat
    assert in_vain == 159
    await hear(pace, Signal.WELL, 5)
    assert await pace.enter(repeat=True) is Admission.GO
    pace.leave(Signal.FAILING, repeat=True)
    assert await pace.enter(repeat=True) is Admission.DEFER
    clock.at += 1
    assert await pace.enter(repeat=True) is Admission.GO


@pytest.mark.parametrize("look_up", [False, True])
async def test_repeats_without_a_budget_leave_the_places_that_become_free_to_those_behind(
    pace, look_up
):
    places = 32 if look_up else 64
    for _ in range(places):
        assert await pace.enter(repeat=True, look_up=look_up) is Admission.GO
    while await pace.enter(repeat=True, look_up=not look_up) is Admission.GO:
        pace.leave(Signal.THROTTLED, repeat=True, look_up=not look_up)
    behind = [asyncio.create_task(pace.enter(repeat=True, look_up=look_up)) for _ in range(99)]
    last = asyncio.create_task(pace.enter(repeat=False, look_up=look_up))
    await asyncio.sleep(0)
    pace.leave(None, repeat=False, look_up=look_up)
    await turns(200)
    assert [one.done() and one.result() for one in behind] == [Admission.DEFER] * 99
    assert last.done()
    assert last.result() is Admission.GO


async def test_who_is_cancelled_as_a_place_becomes_free_leaves_it_to_those_behind(pace):
    await enter(pace, 64)
    first, second = (asyncio.create_task(pace.enter(repeat=False)) for _ in range(2))
    await asyncio.sleep(0)
    pace.leave(Signal.WELL, repeat=False)
    first.cancel()
    await turns(10)
    assert second.done()
    assert second.result() is Admission.GO


async def test_who_loses_a_turn_to_the_quiet_leaves_nobody_waiting_for_a_place(clock):
    account = Account(AccountRate("alone"))
    pace = Pace(8, lambda: 8, lambda: 1.0, clock, account=account)
    account.rate.rate.cruise(clock.at, 1.0)
    account.rate.went(clock.at)  # the next turn is a second away
    all_of_them = [asyncio.create_task(pace.enter(repeat=False)) for _ in range(12)]
    await asyncio.sleep(0)
    assert (pace.sends.taken, len(pace.sends.waiting)) == (8, 4)
    account.rate.rate.quiet_until = clock.at + 30  # as another worker's row says
    await asyncio.wait(all_of_them[:8])
    await turns(20)
    assert [one.done() and one.result() for one in all_of_them] == [Admission.DEFER] * 12
    assert not pace.sends.taken


async def test_repeats_that_are_answered_cost_nothing(pace):
    for _ in range(1000):
        await hear(pace, Signal.WELL, repeat=True)


async def grown(pace):
    await hear(pace, Signal.WELL, 64)


async def test_businesses_at_one_upstream_share_its_calls_and_the_other_upstream_is_not_theirs():
    paces = Paces(most=64, total=256, jitter=lambda: 1.0)

    def at(business, method=UpstreamMethod.PAYMENT):
        return paces.at(business, method, account=f"{method}:{business}")

    with at("a") as one, at("a", UpstreamMethod.CREDIT) as other:
        await grown(one)
        await grown(other)
        assert (one.room, other.room) == (64, 64)
        with at("b"), at("c"), at("d"):
            assert one.room == 64
            with at("e") as fifth, at("e") as same:
                await grown(fifth)
                assert (one.room, fifth.room, other.room) == (51, 51, 64)
                assert fifth is same
        assert one.room == 64


async def test_what_a_pace_has_learnt_outlives_its_lanes_and_nothing_else_does():
    paces = Paces(most=8, total=32, jitter=lambda: 1.0)
    with paces.at("a", UpstreamMethod.PAYMENT, account="a") as pace:
        await hear(pace, Signal.OUT_OF_FUNDS)
        pace.breaker.quiet_until += 60
    assert paces.quiet_seconds("a", UpstreamMethod.PAYMENT) > 59
    assert paces.quiet_seconds("a", UpstreamMethod.CREDIT) <= 0
    assert paces.quiet_seconds("b", UpstreamMethod.PAYMENT) <= 0
    with paces.at("b", UpstreamMethod.PAYMENT, account="b") as pace:
        await hear(pace, Signal.WELL)
    assert set(paces._paces) == {("a", UpstreamMethod.PAYMENT)}


def test_businesses_of_one_account_have_its_rate_together():
    paces = Paces(most=8, total=32, jitter=lambda: 1.0)
    with (
        paces.at("a", UpstreamMethod.PAYMENT, account="platform") as one,
        paces.at("b", UpstreamMethod.PAYMENT, account="platform") as other,
        paces.at("c", UpstreamMethod.PAYMENT, account="acct_1") as third,
    ):
        assert one.account is other.account
        assert one.account is not third.account
