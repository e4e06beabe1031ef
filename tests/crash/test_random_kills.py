"""Workers and API processes are killed with -9 at random, again and again.

Nothing is lost, and nothing done twice. The judge is the sandbox, which lives through it all. The
hard one reads no key and makes every refund it is asked for, so that nothing but a look-up before
each second call keeps it from refunding twice.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import httpx
import pytest
from crash.kills import Killer, claimed_again, finished
from crash.processes import PATIENCE_SECONDS, Town
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, week

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
HONEST: dict[str, bool] = {}


def assert_whole(town: Town, job_id: str, made, violations) -> str:
    books = town.books()
    verdict = assert_once(books, made.lines)
    assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
    assert not violations(town.database_url)
    return str(verdict)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run with kills came to."""

    kills: int
    again: int
    verdict: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.again} rows claimed again,"
            f" {self.seconds:.0f} s: {self.verdict}"
        )


def workers_are_killed(town: Town, made, judge_is, violations, *, kills: int) -> Run:
    town.settle_in(made)
    town.faults(**judge_is, latency_seconds=0.1, latency_jitter_seconds=0.3)
    town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    killer, begun = Killer(kills, (0.1, 0.7)), time.monotonic()
    killer.kill_until_finished(town, job_id, workers, town.worker, seconds=PATIENCE_SECONDS)
    verdict = assert_whole(town, job_id, made, violations)
    return Run(killer.kills, claimed_again(town.database_url), verdict, time.monotonic() - begun)


def an_embedded_api_is_killed(town: Town, made, violations, *, kills: int) -> Run:
    town.settle_in(made)
    town.faults(**HARD, latency_seconds=0.1, latency_jitter_seconds=0.3)
    apis = [town.api()]
    killer, begun = Killer(kills, (0.3, 1.0)), time.monotonic()
    # The caller asks again under the same key until it hears an answer, as it should.
    answers: list[httpx.Response] = []
    while len(answers) < 5:
        killer.kill(apis, town.api)
        with suppress(httpx.TransportError):
            answers.append(town.ask_to_cancel())
    assert {answer.status_code for answer in answers} == {202}
    (job_id,) = {answer.json()["id"] for answer in answers}
    killer.kill_until_finished(town, job_id, apis, town.api, seconds=PATIENCE_SECONDS)
    verdict = assert_whole(town, job_id, made, violations)
    return Run(killer.kills, claimed_again(town.database_url), verdict, time.monotonic() - begun)


@pytest.mark.long
def test_killed_workers_lose_nothing_and_refund_nothing_twice(
    found_towns, fresh_databases, redis_url, breakable_redis, violations
):
    # Two towns side by side, for they mostly wait for leases to end.
    first, second = fresh_databases("postgresql", 2)
    hard = found_towns(first, redis_url=redis_url, log_level="warning")
    honest = found_towns(second, redis_url=breakable_redis.url, log_level="warning")
    with ThreadPoolExecutor() as side_by_side:
        runs = {
            "keys ignored": side_by_side.submit(
                workers_are_killed, hard, week(1200), HARD, violations, kills=60
            ),
            "keys honoured": side_by_side.submit(
                workers_are_killed, honest, week(1200), HONEST, violations, kills=60
            ),
        }
        for name, run in runs.items():
            print(f"\n{name}: {run.result()}")
    assert all(run.result().kills >= 50 and run.result().again >= 100 for run in runs.values())


def test_a_killed_embedded_api_loses_nothing_and_refunds_nothing_twice(
    found_towns, sqlite_url, violations
):
    town = found_towns(sqlite_url, log_level="warning")
    run = an_embedded_api_is_killed(town, week(300), violations, kills=25)
    print(f"\n{run}")
    assert run.kills >= 20
    assert run.again >= 30


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("judge_is", [HARD, HONEST], ids=["hard", "honest"])
def test_a_thousand_kills_lose_nothing_and_refund_nothing_twice(
    judge_is, found_towns, postgresql_url, redis_url, violations
):
    short = bool(os.environ.get("TEST_LONG_SHORT"))
    bookings = int(os.environ.get("TEST_LONG_BOOKINGS", "6000" if short else "20000"))
    kills = int(os.environ.get("TEST_LONG_KILLS", "100" if short else "1000"))
    made = week(bookings, places=50)
    town = found_towns(postgresql_url, redis_url=redis_url, log_level="warning", concurrency=16)
    town.settle_in(made)
    town.faults(**judge_is, latency_seconds=0.1, latency_jitter_seconds=0.3)
    apis, workers = [town.api()], [town.worker() for _ in range(3)]
    job_id = town.cancel_all()
    killer, begun = Killer(kills, (0.1, 0.8)), time.monotonic()
    while killer.kills < killer.enough and not finished(town, job_id):
        # Every tenth is the API, whose callers only wait.
        one_in_ten = killer.kills % 10 == 9
        killer.kill(apis if one_in_ten else workers, town.api if one_in_ten else town.worker)
    town.wait_for(job_id, 600)
    verdict, again = assert_whole(town, job_id, made, violations), claimed_again(postgresql_url)
    print(
        f"\n{killer.kills} kills, {again} rows claimed again,"
        f" {time.monotonic() - begun:.0f} s: {verdict}"
    )
    assert killer.kills >= kills
    assert again >= 100
