"""Workers and API processes are killed with -9 at random, again and again: nothing is lost, and nothing twice.

The judge is the sandbox, which lives through it all. The hard one reads no key and makes every refund it is asked for,
so that nothing but a look-up before each second call keeps it from refunding twice.
"""

import os
import random
import time
from dataclasses import dataclass

import pytest

from crash.processes import Server, Town
from crash.week import assert_audit_tells_the_books, assert_once, audit_rows, judge, week

HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
HONEST: dict[str, bool] = {}


@dataclass(slots=True)
class Killer:
    """Kills one of the servers every `pause` or so, and starts another in its place at once."""

    random: random.Random
    least_seconds: float
    most_seconds: float
    kills: int = 0

    def kill_until_finished(self, town: Town, job_id: str, servers: list[Server], again, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not town.finished(job_id):
            assert time.monotonic() < deadline, f"after {self.kills} kills: {judge(town.books(), [])}"
            time.sleep(self.random.uniform(self.least_seconds, self.most_seconds))
            number = self.random.randrange(len(servers))
            servers[number].kill()
            self.kills += 1
            servers[number] = again()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("judge_is", [HARD, HONEST], ids=["hard", "honest"])
def test_killed_workers_lose_nothing_and_refund_nothing_twice(
    judge_is, found_towns, postgresql_url, redis_url, violations
):
    made = week(1200)
    town = found_towns(postgresql_url, redis_url=redis_url, log_level="warning")
    town.settle_in(made)
    town.faults(**judge_is, latency_seconds=0.05, latency_jitter_seconds=0.1)
    town.api()
    workers = [town.worker(), town.worker()]
    job_id = town.cancel_all()
    killer = Killer(random.Random(20261122), 0.1, 0.9)
    begun = time.monotonic()
    killer.kill_until_finished(town, job_id, workers, town.worker, seconds=120)
    verdict = assert_once(town.books(), made.lines)
    assert_audit_tells_the_books(town.books(), audit_rows(town.audit(job_id)))
    assert not violations(postgresql_url)
    print(f"\n{killer.kills} kills in {time.monotonic() - begun:.0f} s: {verdict}")
    assert killer.kills >= 50
