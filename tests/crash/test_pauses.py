"""A worker that is paused beyond its lease, and one that is told to end.

Neither leaves a second refund behind.
"""

import random
import time

import pytest
from crash.processes import until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
LEASE_SECONDS = 2
# Of what a process has under way at once, for each of two services: once more for what the test is
# late to see before it gives the signal.
FINISHED_AT_MOST = 4


def test_a_worker_stopped_for_three_leases_refunds_nothing_twice(
    found_towns, postgresql_url, redis_url, violations
):
    made = week(500)
    town = found_towns(postgresql_url, redis_url=redis_url, lease_seconds=LEASE_SECONDS)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.2, latency_jitter_seconds=0.3)
    town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    dice = random.Random(7)
    for pause in range(2):
        sleeper = workers[pause % 2]
        before = town.effects()
        until(lambda before=before: town.effects() >= before + 30)
        time.sleep(dice.uniform(0, 0.3))
        sleeper.stop()
        time.sleep(3 * LEASE_SECONDS)  # the pause itself
        sleeper.resume()
    assert not town.finished(job_id), "the job has ended before the pauses have: nothing was shown"
    assert town.wait_for(job_id)["status"] == "completed"
    books = town.books()
    assert_once(books, made.lines)
    assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
    assert not violations(postgresql_url)


@pytest.mark.long
def test_workers_that_are_stopped_in_turns_beyond_their_lease_refund_nothing_twice(
    found_towns, postgresql_url, violations
):
    # Both are away at times, so that each wakes up to rows that the other has since had; many
    # slices, no Redis.
    made = week(250)
    town = found_towns(
        postgresql_url, redis_url="redis://127.0.0.1:1", lease_seconds=2, concurrency=4
    )
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.1, latency_jitter_seconds=0.2, drop_after=0.1)
    town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    dice, pauses = random.Random(11), 0
    begun = time.monotonic()
    while not town.finished(job_id) and time.monotonic() - begun < 60:
        sleeper = dice.choice(workers)
        sleeper.stop()
        time.sleep(dice.uniform(0.2, 3.0))
        sleeper.resume()
        time.sleep(dice.uniform(0.1, 0.8))
        pauses += 1
    assert town.wait_for(job_id)["status"] == "completed"
    print(f"\n{pauses} pauses")
    assert pauses >= 5
    assert_once(town.books(), made.lines)
    assert not violations(postgresql_url)


def told_to_end(server, town):
    """End a process; gives how many refunds there were once it was told to."""
    server.tell_to_end()  # before the books are read: on a busy machine that takes a while
    at_the_signal = town.effects()
    until(lambda: not server.alive)
    return at_the_signal


@pytest.mark.parametrize(
    "with_redis",
    [pytest.param(True, marks=pytest.mark.long, id="redis"), pytest.param(False, id="no redis")],
)
def test_a_worker_told_to_end_finishes_its_calls_and_leaves_nothing_open(
    with_redis, found_towns, postgresql_url, redis_url, violations
):
    made = week(450)
    town = found_towns(
        postgresql_url, redis_url=redis_url if with_redis else "redis://127.0.0.1:1", concurrency=16
    )
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.3, latency_jitter_seconds=0.4)
    town.api()
    job_id = town.cancel_all()
    for _ in range(3):
        worker = town.worker()
        before = town.effects()
        until(lambda before=before: town.effects() > before)
        at_the_signal = told_to_end(worker, town)
        assert town.effects() - at_the_signal <= FINISHED_AT_MOST * town.settings["concurrency"]
        now = town.job(job_id)["refunds"]
        assert (now["indeterminate"]["count"], now["submitted"]["count"]) == (0, 0)
        assert now["succeeded"]["count"] == town.effects()
    assert not town.finished(job_id)
    town.worker()
    town.wait_for(job_id)
    assert_once(town.books(), made.lines)
    assert not violations(postgresql_url)


def test_an_embedded_api_told_to_end_finishes_its_calls_and_leaves_nothing_open(
    found_towns, sqlite_url, violations
):
    made = week(200)
    town = found_towns(sqlite_url)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.3, latency_jitter_seconds=0.4)
    town.api()
    job_id = town.cancel_all()
    for _ in range(2):
        before = town.effects()
        until(lambda before=before: town.effects() > before)
        at_the_signal = told_to_end(town.servers[-1], town)
        assert town.effects() - at_the_signal <= FINISHED_AT_MOST * town.settings["concurrency"]
        town.api(redis_url="redis://127.0.0.1:1")  # one with no worker in it, to ask
        now = town.job(job_id)["refunds"]
        assert (now["indeterminate"]["count"], now["submitted"]["count"]) == (0, 0)
        assert now["succeeded"]["count"] == town.effects()
        town.servers[-1].kill()
        town.api()
    town.wait_for(job_id)
    assert_once(town.books(), made.lines)
    assert not violations(sqlite_url)
