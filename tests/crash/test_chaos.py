"""Everything goes wrong at once, at random, as long as a large job runs.

It still ends in good time, each line once. PostgreSQL is restarted as in a crash, Redis flushed and
now and then away, workers killed with -9 and stopped beyond their leases. Workers are stopped at
any instant here, also between their last look at the clock and a send, so the judge honours keys:
what an upstream that ignores them makes of that moment no caller can prevent (FAULTS.md, row 19).
It makes refunds beyond what was paid, though: a second key would show.
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from crash.kills import claimed_again
from crash.processes import FINISHED, Server, Town, until
from crash.week import Week, assert_audit_tells_the_books, assert_once, audit_rows, week

JUDGE: Final = {"allow_excess": True}
WORKERS: Final = 3
CHAOTIC: Final = {
    "upstream_timeout_seconds": 2.5,
    "upstream_quiescence_seconds": 1,
    "lease_seconds": 5,
    "sweep_seconds": 1,
    "slice_seconds": 4,
    "database_pool": 5,
    "log_level": "warning",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, and how often what happens: seconds from and to."""

    bookings: int
    concurrency: int  # such that the job takes long enough in peace, with all workers at work on it
    restarts: tuple[float, float]
    away: tuple[float, float] = (0.0, 2.0)
    flushes: tuple[float, float] = (1.0, 4.0)
    redis_away: tuple[float, float] = (2.0, 6.0)
    troubles: tuple[float, float] = (2.0, 6.0)  # of a worker
    pauses: tuple[float, float] = (1.0, 2.0 * CHAOTIC["lease_seconds"])


FULL: Final = Plan(5_000, 6, (5.0, 40.0))
SHORT_FORM: Final = Plan(2_500, 16, (4.0, 8.0))


@dataclass(slots=True)
class Chaos:
    """What breaks a town until it is told to stop; it leaves everything running."""

    plan: Plan
    town: Town
    postgresql: Any
    redis: Any
    workers: list[Server]
    over: threading.Event = field(default_factory=threading.Event)
    outage_seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def restart_postgresql(self) -> None:
        dice = random.Random(1)
        while not self.over.wait(dice.uniform(*self.plan.restarts)):
            begun = time.monotonic()
            self.postgresql.stop_at_once()
            try:
                time.sleep(dice.uniform(*self.plan.away) if dice.random() < 0.3 else 0.0)
            finally:
                self.postgresql.start()
            self.outage_seconds += time.monotonic() - begun
            self.count("restarts of PostgreSQL")

    def trouble_redis(self) -> None:
        dice = random.Random(2)
        while not self.over.wait(dice.uniform(*self.plan.flushes)):
            if dice.random() < 0.8:
                self.redis.flush()
                self.count("flushes")
            else:
                self.redis.kill()
                self.over.wait(dice.uniform(*self.plan.redis_away))
                self.redis.start()
                self.count("losses of Redis")

    def trouble_workers(self) -> None:
        dice = random.Random(3)
        while not self.over.wait(dice.uniform(*self.plan.troubles)):
            number = dice.randrange(len(self.workers))
            if dice.random() < 0.6:
                self.workers[number].kill()
                self.workers[number] = self.town.worker()
                self.count("kills")
            else:
                self.workers[number].stop()
                self.over.wait(dice.uniform(*self.plan.pauses))
                self.workers[number].resume()
                self.count("pauses")


def found_and_opened(
    found_towns, plan: Plan, postgresql_url: str, redis_url: str, made: Week
) -> tuple[Town, list[Server]]:
    town = found_towns(postgresql_url, redis_url=redis_url, concurrency=plan.concurrency, **CHAOTIC)
    town.settle_in(made)
    town.faults(**JUDGE, latency_seconds=0.5, latency_jitter_seconds=0.5)
    town.api()
    return town, [town.worker() for _ in range(WORKERS)]


def seconds_to_the_end(town: Town, job_id: str, at_most: float) -> float:
    """Until the job has ended, as far as an API whose database may be away can tell."""

    def ended() -> bool:
        with suppress(httpx.TransportError):
            answer = town.call("GET", f"/{job_id}")
            assert answer.status_code in {200, 503}, answer.text
            return answer.status_code == 200 and answer.json()["status"] in FINISHED
        return False

    begun = time.monotonic()
    until(ended, at_most, pause=0.2)
    return time.monotonic() - begun


def assert_whole(town: Town, job_id: str, made: Week, violations) -> str:
    books = town.books()
    verdict = assert_once(books, made.lines)
    assert_audit_tells_the_books(books, audit_rows(town.audit(job_id)))
    assert not violations(town.database_url)
    return str(verdict)


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(1800)
def test_a_job_ends_whole_and_in_good_time_while_everything_breaks(
    found_towns, postgresql_url, redis_url, breakable_postgresql, breakable_redis, violations
):
    plan = SHORT_FORM if os.environ.get("TEST_LONG_SHORT") else FULL
    made = week(plan.bookings, places=50)

    quiet, workers = found_and_opened(found_towns, plan, postgresql_url, redis_url, made)
    job_id = quiet.cancel_all()
    fault_free = seconds_to_the_end(quiet, job_id, 900)
    assert_whole(quiet, job_id, made, violations)
    for server in workers:
        server.kill()

    town, workers = found_and_opened(
        found_towns, plan, breakable_postgresql.url, breakable_redis.url, made
    )
    chaos = Chaos(plan, town, breakable_postgresql, breakable_redis, workers)
    job_id = town.cancel_all()
    with ThreadPoolExecutor() as side_by_side:
        troubles = [
            side_by_side.submit(trouble)
            for trouble in (chaos.restart_postgresql, chaos.trouble_redis, chaos.trouble_workers)
        ]
        try:
            took = seconds_to_the_end(town, job_id, 4 * fault_free + 300)
        finally:
            chaos.over.set()
        for trouble in troubles:
            trouble.result()
    verdict = assert_whole(town, job_id, made, violations)
    again = claimed_again(town.database_url)
    limit = (
        2 * fault_free + chaos.outage_seconds + CHAOTIC["lease_seconds"] + CHAOTIC["sweep_seconds"]
    )
    print(
        f"\n{len(made.lines)} refunds: {fault_free:.0f} s in peace, {took:.0f} s in chaos "
        f"(limit {limit:.0f} s, with {chaos.outage_seconds:.0f} s without a database); "
        f"{chaos.counts}, {again} claimed again: {verdict}"
    )
    assert took <= limit
    assert again > 0
    assert set(chaos.counts) == {
        "restarts of PostgreSQL",
        "flushes",
        "losses of Redis",
        "kills",
        "pauses",
    }
