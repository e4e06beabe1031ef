"""The rate against upstreams in virtual time.

Which refusals are accidents, and what rate the others are of.
"""

import math

import pytest
from worlds.paced import Bucket, Stray, Windows, World

from app.refunds.pacing.rate import AnsweredCall, Phase
from app.refunds.pacing.sharing import AccountRate

MAX_A_SECOND = 2_500  # of a worker in this world, at 10 ms


def two(world, *, later=0.0):
    """The world with two workers, the second of which begins later."""
    world.join()
    world.join(at=later)
    return world


# Accidents.


@pytest.mark.parametrize("retry_after", [1, None, 60])
def test_one_stray_refusal_in_a_hundred_costs_one_call_in_a_hundred(retry_after):
    world = World(Stray(0.01, retry_after), latency=0.01).run(15)
    assert world.goodput(5, 15) >= 0.98 * MAX_A_SECOND
    assert world.kept is None  # nobody wrote


def test_five_in_a_hundred_cost_five():
    world = World(Stray(0.05, None), latency=0.01).run(15)
    assert world.goodput(5, 15) >= 0.94 * MAX_A_SECOND


def test_two_workers_are_not_slower_for_strays():
    world = two(World(Stray(0.01, 1), latency=0.01)).run(15)
    assert world.goodput(5, 15) >= 0.98 * 2 * MAX_A_SECOND


# Rates.


@pytest.mark.parametrize("rate", [25, 100, 400])
def test_a_bucket_is_used_to_its_limit_and_hardly_ever_asked_for_more(rate):
    world = World(Bucket(rate)).run(60)
    assert world.goodput(30, 60) >= 0.99 * rate
    assert world.share_refused(30, 60) <= 0.02
    assert len(world.refused) <= 350  # the first burst too


@pytest.mark.parametrize(
    ("first", "then", "seconds"),
    [(100, 25, 1), (400, 100, 1), (400, 25, 1), (100, 400, 2), (25, 100, 3.5)],
)
def test_a_rate_that_changes_is_followed(first, then, seconds):
    world = World(Bucket(first, [(30.3, then)])).run(60)
    assert world.follows(30.3, then) <= seconds
    assert world.goodput(34, 60) >= 0.96 * then
    assert world.share_refused(34, 60) <= 0.03


def test_a_limit_that_is_lifted_is_not_kept_to():
    world = World(Bucket(100, [(10.0, 1e6)])).run(20)
    assert world.goodput(14, 20) >= 0.95 * 64 / 0.05
    assert world.workers[0].rate.is_free


@pytest.mark.parametrize("says", [30.0, 0.001])
def test_a_retry_after_that_lies_changes_nothing_of_the_rate(says):
    world = World(Bucket(100, says=lambda _: says)).run(60)
    assert world.goodput(30, 60) >= 0.99 * 100
    assert world.share_refused(30, 60) <= 0.02


def test_strays_beside_a_bucket_are_told_from_it():
    world = World(Bucket(100, stray=0.01)).run(60)
    assert world.goodput(30, 60) >= 0.98 * 100
    assert world.share_refused(30, 60) <= 0.04


def test_a_window_that_is_used_up_is_left_alone_until_it_said_and_then_used_at_once():
    world = World(Windows(1000, 10.0)).run(60)
    assert len([at for at in world.passed if at < 59]) >= 5_900
    assert len(world.refused) <= 6 * 90


# Together.


@pytest.mark.parametrize("rate", [25, 100, 400])
def test_two_workers_are_one_at_a_bucket_and_share_it_evenly(rate):
    world = two(World(Bucket(rate)), later=10.0).run(60)
    assert world.goodput(30, 60) >= 0.98 * rate
    assert world.share_refused(30, 60) <= 0.02
    halves = [sum(at >= 30 for at in worker.passed) for worker in world.workers]
    assert min(halves) >= 0.9 * max(halves)


@pytest.mark.parametrize(
    ("first", "then", "seconds"), [(100, 25, 2.0), (100, 400, 4.0), (25, 100, 5.0)]
)
def test_two_workers_follow_a_rate_together(first, then, seconds):
    world = two(World(Bucket(first, [(30.3, then)])), later=5.0).run(60)
    assert world.follows(30.3, then) <= seconds
    assert world.goodput(35, 60) >= 0.95 * then
    assert world.share_refused(36, 60) <= 0.03


def test_two_workers_that_climb_brake_where_each_is_refused():
    world = two(World(Bucket(100, [(30.3, 400)])), later=5.0).run(40)
    # Else it is 0.053: calls of a third of a second at several times the limit.
    assert world.share_refused(30.3, 40) <= 0.04
    assert world.follows(30.3, 400) <= 4.0
    assert world.goodput(35, 40) >= 0.97 * 400


def test_who_is_refused_in_a_climb_of_many_goes_by_what_it_heard_itself():
    one = AccountRate("one", awake=2, version=1)
    one.rate.climb(0.0, 1000.0, steps=6)
    one.receive(AnsweredCall(0.01, 0.0, refused=True))
    for call in range(1, 31):  # a third passes, and nobody has been told
        one.receive(AnsweredCall(0.01 * call + 0.01, 0.01 * call, refused=call % 3 != 0))
    assert one.pace(0.31) == pytest.approx((10 + 1 + 1.5 * 10**0.5) / 0.3)
    assert one.pace(2.0) == 500  # and then by the row again


def test_one_stray_refusal_in_a_climb_of_many_brakes_nobody():
    one = AccountRate("one", awake=2, version=1)
    one.rate.climb(0.0, 1000.0, steps=6)
    for call in range(60):
        one.receive(AnsweredCall(0.01 * call + 0.01, 0.01 * call, refused=call % 20 == 0))
        assert one.pace(0.01 * call + 0.01) == 500


def test_a_worker_that_joins_knows_the_rate_and_makes_no_burst():
    world = two(World(Bucket(100)), later=20.0).run(22)
    assert sum(at >= 20 for at in world.refused) <= 12


def test_who_stops_leaves_its_part_to_the_others():
    world = two(World(Bucket(100)))
    world.run(20)
    world.workers.pop().window = 0
    world.run_on(40)
    assert world.goodput(25, 40) >= 0.97 * 100


def test_what_was_heard_is_played_in_order_once_all_can_have_told():
    one, other = AccountRate("one"), AccountRate("other")
    one.rate.cruise(0.0, 100.0)
    one.wait(10.0)
    kept = one.publish(None, 10.0)
    other.take_up(kept, 10.05)
    other.wait(10.05)
    kept = other.publish(kept, 10.05)
    kept = one.publish(kept, 10.1)
    one.receive(AnsweredCall(10.19, 10.18, refused=False))
    kept = one.publish(kept, 10.2)
    assert [heard.at for heard in kept.waiting] == [10.19]
    other.receive(AnsweredCall(10.14, 10.13, refused=False))
    other.receive(AnsweredCall(10.24, 10.23, refused=False))
    kept = other.publish(kept, 10.25)
    assert [heard.at for heard in kept.waiting] == [10.19, 10.24]
    assert kept.rate.since_anchor == 1


# What is kept.


def test_a_job_begins_at_the_rate_of_the_one_before_it():
    earlier = World(Bucket(100)).run(30)
    later = World(Bucket(100), kept=earlier.kept, began_at=60.0).run(80)
    assert later.workers[0].rate.rate.phase is not Phase.FREE
    assert len(later.refused) <= 0.8 * len(World(Bucket(100)).run(20).refused)
    assert later.goodput(70, 80) >= 0.98 * 100


def test_a_rate_of_a_quarter_of_an_hour_ago_is_forgotten():
    earlier = World(Bucket(100)).run(30)
    later = World(Stray(0.0, None), latency=0.01, kept=earlier.kept, began_at=931.0).run(932)
    assert later.workers[0].rate.is_free
    assert math.isclose(later.goodput(931.5, 932), MAX_A_SECOND, rel_tol=0.05)


def test_a_rate_is_the_same_when_it_has_been_through_the_row():
    rate = World(Bucket(100)).run(30).workers[0].rate
    told = rate.publish(None, 30.0)
    assert told.rate == rate.rate
