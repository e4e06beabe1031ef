"""Redis and PostgreSQL go away, at once and in the middle of a job; the job still ends, with one effect for each line.

Both are the test's own processes, on ports of their own.
"""

import signal
import time

import pytest
from crash.processes import until
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def ends_whole(violations):
    """The job's end: every line once, as the books and the audit say."""

    def check(town, job_id, made, seconds):
        job = town.wait_for(job_id, seconds)
        assert job["status"] == "completed"
        books = town.books()
        verdict = assert_once(books, made.lines)
        assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
        assert not violations(town.database_url)
        return verdict

    return check


def test_a_job_ends_by_the_sweep_where_redis_never_was(found_towns, postgresql_url, ends_whole):
    made = week(200)
    town = found_towns(postgresql_url, redis_url=NOBODY)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.05)
    town.api()
    town.worker()
    begun = time.monotonic()
    job_id = town.cancel_all()
    assert time.monotonic() - begun < 2
    ends_whole(town, job_id, made, 40)


def test_the_api_accepts_within_two_seconds_when_redis_has_just_gone(found_towns, postgresql_url, breakable_redis):
    made = week(300)
    town = found_towns(postgresql_url, redis_url=breakable_redis.url)
    town.settle_in(made)
    town.api()
    sessions = [record["id"] for record in made.records if record["type"] == "session"]
    assert town.ask_to_cancel(key="with", session_ids=sessions[:1]).status_code == 202
    breakable_redis.kill()
    for number, session_id in enumerate(sessions[1:6]):
        begun = time.monotonic()
        assert town.ask_to_cancel(key=f"without {number}", session_ids=[session_id]).status_code == 202
        took = time.monotonic() - begun
        assert took < 2, f"request {number} took {took:.1f} s"


def test_a_redis_that_hangs_does_not_keep_a_202_for_two_seconds(found_towns, postgresql_url, breakable_redis):
    made = week(100)
    town = found_towns(postgresql_url, redis_url=breakable_redis.url)
    town.settle_in(made)
    town.api()
    breakable_redis.process.send_signal(signal.SIGSTOP)  # connections stay, answers do not come
    begun = time.monotonic()
    assert town.ask_to_cancel().status_code == 202
    assert time.monotonic() - begun < 2


def test_flushing_redis_again_and_again_only_costs_time(found_towns, postgresql_url, breakable_redis, ends_whole):
    made = week(300)
    town = found_towns(postgresql_url, redis_url=breakable_redis.url)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.2, drop_after=0.1)
    town.api()
    town.worker()
    town.worker()
    job_id = town.cancel_all()
    flushes = 0
    while not town.finished(job_id):
        breakable_redis.flush()
        flushes += 1
        time.sleep(0.3)
        assert flushes < 150
    ends_whole(town, job_id, made, 5)
    print(f"\n{flushes} flushes")
    assert flushes >= 5


def test_workers_outlive_a_redis_that_goes_and_comes_back(found_towns, postgresql_url, breakable_redis, ends_whole):
    made = week(350)
    town = found_towns(postgresql_url, redis_url=breakable_redis.url)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.3)
    town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    for outage_seconds in (1, 4):
        time.sleep(1)
        breakable_redis.kill()
        time.sleep(outage_seconds)  # the outage itself
        breakable_redis.start()
    breakable_redis.kill()  # and never again
    ends_whole(town, job_id, made, 60)
    assert all(worker.alive for worker in workers)


def test_postgresql_restarted_at_once_in_the_middle_loses_nothing(
    found_towns, breakable_postgresql, redis_url, ends_whole
):
    made = week(600)
    town = found_towns(breakable_postgresql.url, redis_url=redis_url, lease_seconds=4)
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.2, latency_jitter_seconds=0.3)
    api = town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    away = (0, 0, 5, 0)  # seconds; five are longer than a lease
    for seconds in away:
        before = town.effects()
        until(lambda before=before: town.effects() > before + 20, 20)
        breakable_postgresql.stop_at_once()
        time.sleep(seconds)
        breakable_postgresql.start()
    assert town.effects() < len(made.lines)
    verdict = ends_whole(town, job_id, made, 90)
    assert all(server.alive for server in (api, *workers))
    print(f"\n{len(away)} restarts: {verdict}")
