"""Twenty webhook endpoints, while processes and the database die: all is heard.

Most are well and some badly behaved. The oracle is the receivers' books against the API's own lists
of what happened, and the upstream's books. What holds on any machine is said in sets of events; how
soon healthy endpoints hear is measured in the long form, against a run without the others.
"""

import datetime as dt
import os
import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from crash.processes import PATIENCE_SECONDS, until
from crash.webhook_office import (
    ENDPOINTS,
    JOBS,
    Endpoint,
    Happened,
    Office,
    all_have_heard,
    assert_only_what_happened,
    assert_the_list_tells_the_books,
    assert_the_upstream_agrees,
)
from crash.webhook_receivers import (
    Receiver,
    Receivers,
    answers,
    answers_after,
    drops,
    fails_for,
    gone_from,
    hangs,
    never_ends,
)
from crash.week import Week, week

HEALTHY: Final = 12
OTHER: Final = "neighbour"
SETTINGS: Final = {
    "webhook_timeout_seconds": 4,
    "upstream_timeout_seconds": 3,
    "lease_seconds": 5,
    "database_pool": 8,
    "log_level": "warning",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, and how often what happens: seconds from and to."""

    bookings: int
    places: int  # of a session
    sessions: int  # of a job
    kills: int
    restarts: int
    pause: tuple[float, float]  # between kills


SHORT_FORM: Final = Plan(100, 5, 4, kills=5, restarts=1, pause=(1.0, 2.5))
LONG_SHORT: Final = Plan(400, 10, 10, kills=15, restarts=3, pause=(1.0, 4.0))
FULL: Final = Plan(2_000, 10, 20, kills=50, restarts=8, pause=(1.0, 5.0))


@dataclass(slots=True)
class Troubles:
    """Kills processes and restarts the database until it was enough, and leaves all running."""

    plan: Plan
    office: Office
    postgresql: Any = None
    over: threading.Event = field(default_factory=threading.Event)
    kills: int = 0
    restarts: int = 0

    def run(self) -> None:
        dice = random.Random(20261123)
        every = max(self.plan.kills // (self.plan.restarts + 1), 1)
        while self.kills < self.plan.kills and not self.over.wait(dice.uniform(*self.plan.pause)):
            self.office.kill_one(dice.randrange(self.office.processes))
            self.kills += 1
            if (
                self.postgresql is not None
                and self.restarts < self.plan.restarts
                and self.kills % every == 0
            ):
                self.over.wait(dice.uniform(*self.plan.pause))
                self.postgresql.stop_at_once()
                self.postgresql.start()
                self.restarts += 1


@pytest.fixture
def receivers():
    one = Receivers()
    yield one
    one.close()


@pytest.fixture
def found_office(found_towns, tmp_path):
    """`found_office(database_url, processes)`: not open yet."""

    def found(database_url: str, processes: int, **settings: Any) -> Office:
        named = SETTINGS | {"secrets_file": tmp_path / "secrets.key"} | settings
        return Office(found_towns(database_url, **named), processes)

    return found


def register_healthy(office: Office, receivers: Receivers) -> list[Endpoint]:
    return [office.register(receivers, f"healthy {number}", answers()) for number in range(HEALTHY)]


def register_bad(office: Office, receivers: Receivers, elsewhere: Receiver) -> dict[str, Endpoint]:
    bad = {
        "slow": answers_after(2),
        "failing a while": fails_for(4),
        "always failing": answers(500),
        "dropping": drops(),
        "redirecting": answers(302, f"location: {elsewhere.url}"),
        "gone": gone_from(20),
        "hanging": hangs(),
        "endless": never_ends(),
    }
    return {name: office.register(receivers, name, behave) for name, behave in bad.items()}


def cancel_in_parts(office: Office, made: Week, plan: Plan, happened: Happened) -> list[str]:
    """Cancel the week, some sessions to a job.

    Two sessions more than once, for the first job is withdrawn.
    """
    sessions = [record["id"] for record in made.records if record["type"] == "session"]
    held = office.cancel("held", sessions[:2], hold_seconds=600)
    # 409: it has been withdrawn, by a process that was killed then.
    assert office.ask("POST", f"{JOBS}/{held}/withdraw").status_code in {200, 409}
    happened.look(held)
    jobs = []
    for place in range(0, len(sessions), plan.sessions):
        jobs.append(office.cancel(f"job {place}", sessions[place : place + plan.sessions]))
        time.sleep(0.2)
    return jobs


def end_and_retry(office: Office, jobs: list[str], happened: Happened) -> None:
    """Wait for the jobs, retry what was refused, and wait again."""
    office.wait_for(jobs)
    for job_id in jobs:
        happened.look(job_id)
    office.town.faults(latency_seconds=0.05)
    assert sum([office.retry(job_id) for job_id in jobs]) > 0
    office.wait_for(jobs)
    for job_id in jobs:
        happened.look(job_id)


def the_gone_one_hears_nothing_more(office: Office, gone: Endpoint) -> None:
    """It is disabled, and what was on its way to it has failed."""
    shown = office.shown(gone)
    assert (shown["status"], shown["disabled_because"]) == ("disabled", "gone")
    assert assert_the_list_tells_the_books(office, gone).keys() <= {"delivered", "failed"}
    heard = len(gone.receiver.calls)
    assert office.ask("POST", f"{ENDPOINTS}/{gone.id}/test").status_code == 409
    time.sleep(2.5)
    assert len(gone.receiver.calls) == heard


def mend_and_replay(
    office: Office, bad: dict[str, Endpoint], since: str, happened: Happened
) -> list[Endpoint]:
    """Their owners mend them and ask for what they have not taken; gives them."""
    mended = [
        bad[name]
        for name in ("slow", "always failing", "dropping", "redirecting", "gone", "hanging")
    ]
    for endpoint in mended:
        endpoint.receiver.behave = answers()
        changed = office.ask("PATCH", f"{ENDPOINTS}/{endpoint.id}", json={"status": "enabled"})
        assert changed.status_code == 200, changed.text
        its_own_end = endpoint.name == "gone"  # of which only the others are told
        replayed, taken = office.replay(endpoint, since), len(endpoint.receiver.ids(taken=True))
        assert len(happened.contents) - its_own_end - taken <= replayed <= len(happened.contents)
    return mended


def all_is_heard(office: Office, receivers: Receivers, plan: Plan, postgresql: Any = None) -> None:
    town, made, next_door = office.town, week(plan.bookings, places=plan.places), week(10, name="n")
    town.settle_in(made)
    town.settle_in(next_door, business=OTHER)
    town.faults(refuse={"refund_window_expired": 0.2}, latency_seconds=0.05)
    office.open()
    begun, since = time.monotonic(), dt.datetime.now(dt.UTC).isoformat()
    elsewhere = receivers.start(answers())
    healthy, bad = register_healthy(office, receivers), register_bad(office, receivers, elsewhere)
    neighbour = office.register(receivers, "neighbour", answers(), business=OTHER)
    happened, there = Happened(office), Happened(office, OTHER)
    troubles = Troubles(plan, office, postgresql)
    with ThreadPoolExecutor() as side_by_side:
        trouble = side_by_side.submit(troubles.run)
        try:
            jobs = cancel_in_parts(office, made, plan, happened)
            next_job = office.cancel("next door", "all", business=OTHER)
            end_and_retry(office, jobs, happened)
            office.wait_for([next_job], business=OTHER)
            there.look(next_job)
            until(lambda: office.shown(bad["gone"])["status"] == "disabled", pause=0.2)
            happened.tell("webhook_endpoint.disabled", endpoint_id=bad["gone"].id, because="gone")
            trouble.result(PATIENCE_SECONDS)
        finally:
            troubles.over.set()
    dead = time.monotonic() - begun
    all_have_heard(office, [*healthy, bad["failing a while"], bad["endless"]], happened)
    all_have_heard(office, [neighbour], there)
    assert elsewhere.connections == 0
    heard = time.monotonic() - begun
    the_gone_one_hears_nothing_more(office, bad["gone"])
    mended = mend_and_replay(office, bad, since, happened)
    own_end = Happened(office)
    own_end.contents = {one for one in happened.contents if "webhook_endpoint.disabled" not in one}
    all_have_heard(office, [one for one in mended if one.name != "gone"], happened)
    all_have_heard(office, [bad["gone"]], own_end)
    everyone = [*healthy, *bad.values()]
    assert_only_what_happened(everyone, happened)
    assert_only_what_happened([neighbour], there)
    assert_the_upstream_agrees(town, happened, there)
    for endpoint in (*everyone, neighbour):
        assert assert_the_list_tells_the_books(office, endpoint).keys() == {"delivered"}, (
            endpoint.name
        )
    calls = [len(endpoint.receiver.calls) for endpoint in healthy]
    print(
        f"\n{len(happened.contents)} events, "
        f"{troubles.kills} kills and {troubles.restarts} restarts in {dead:.0f} s; "
        f"all healthy have heard after {heard:.0f} s, in {min(calls)} to {max(calls)} calls; "
        f"all have after {time.monotonic() - begun:.0f} s"
    )
    assert (troubles.kills, troubles.restarts) == (plan.kills, plan.restarts if postgresql else 0)


@pytest.mark.long
def test_all_is_heard_while_processes_and_the_database_die(
    found_office, breakable_postgresql, receivers
):
    all_is_heard(
        found_office(breakable_postgresql.url, 2), receivers, SHORT_FORM, breakable_postgresql
    )


def test_all_is_heard_while_an_embedded_process_dies(found_office, sqlite_url, receivers):
    all_is_heard(found_office(sqlite_url, 1), receivers, SHORT_FORM)


def test_an_embedded_process_refunds_first_and_delivers_then(found_office, sqlite_url, receivers):
    office, refunds = found_office(sqlite_url, 1), 4_000
    office.town.settle_in(week(refunds))
    office.open()
    endpoint, happened = office.register(receivers, "told", answers()), Happened(office)
    job_id = office.cancel("all", "all")
    office.wait_for([job_id])
    heard = len(endpoint.receiver.ids(taken=True))
    assert heard < refunds / 2
    happened.look(job_id)
    all_have_heard(office, [endpoint], happened)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_tens_of_thousands_of_deliveries_are_made_while_processes_and_the_database_die(
    found_office, breakable_postgresql, receivers
):
    plan = LONG_SHORT if os.environ.get("TEST_LONG_SHORT") else FULL
    plan = replace(plan, bookings=int(os.environ.get("TEST_LONG_BOOKINGS", plan.bookings)))
    all_is_heard(found_office(breakable_postgresql.url, 2), receivers, plan, breakable_postgresql)


def delays_of_healthy(
    office: Office, receivers: Receivers, *, beside_bad_ones: bool
) -> list[float]:
    """Jobs at a pace that any machine keeps, in peace.

    Gives how long each event took to each healthy endpoint.
    """
    made = week(120, places=5)
    office.town.settle_in(made)
    office.open()
    healthy = register_healthy(office, receivers)
    if beside_bad_ones:
        register_bad(office, receivers, receivers.start(answers()))
    sessions = [record["id"] for record in made.records if record["type"] == "session"]
    happened, jobs = Happened(office), []
    for place in range(0, len(sessions), 2):
        jobs.append(office.cancel(f"job {place}", sessions[place : place + 2]))
        time.sleep(1.5)
    office.wait_for(jobs)
    for job_id in jobs:
        happened.look(job_id)
    all_have_heard(office, healthy, happened)
    ours = [
        call
        for endpoint in healthy
        for call in endpoint.receiver.calls
        if "job_id" in call.event["data"]
    ]
    assert len(ours) == HEALTHY * len(happened.contents), (
        "somebody was told twice where nobody had died"
    )
    for server in office.servers:
        server.kill()
    return sorted(call.delay_seconds for call in ours)


@pytest.mark.long
@pytest.mark.measured
@pytest.mark.parametrize(("kind", "processes"), [("sqlite", 1), ("postgresql", 2)])
def test_healthy_endpoints_hear_within_seconds_beside_bad_ones(
    kind, processes, fresh_databases, found_office, receivers
):
    first, second = fresh_databases(kind, 2)
    alone = delays_of_healthy(found_office(first, processes), receivers, beside_bad_ones=False)
    beside = delays_of_healthy(found_office(second, processes), receivers, beside_bad_ones=True)
    for name, delays in (("alone", alone), ("beside bad ones", beside)):
        middle, worst = statistics.median(delays), delays[-1]
        print(
            f"\n{kind}, {name}: {len(delays)} deliveries,"
            f" median {middle:.2f} s, the last {worst:.2f} s"
        )
    assert statistics.median(beside) < 3
    assert statistics.median(beside) < 3 * statistics.median(alone) + 0.5
