"""A process dies, or stops beyond its lease, at every named fault point.

Each line still has one effect, in the books. Every point is played with payments and with credits,
with calls in flight that take effect and with calls that do not, on SQLite inside the API process
and on PostgreSQL beside a worker. The judge reads no keys and makes whatever it is asked for. A
case whose process does not die at its point fails: each of them ends by the signal that was armed.

One thing is impossible against such a judge (FAULTS.md, row 19), and bounded: a process that stops
*between* its last look at the clock and the moment that a call leaves it, beyond its lease, and
goes on then, sends what another has looked up meanwhile, found absent and sent. No more than the
calls that were just leaving that one process, and only where the upstream ignores keys. So the
judge honours them where a worker stops at that very place (`refund.*.before`), and everywhere else
a worker stops where none of its other calls can be leaving.
"""

import asyncio
import base64
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from crash.processes import SHORT, Server, Town, Zygote, until
from crash.studio import end_hold
from crash.week import (
    SERVICE_OF,
    Week,
    assert_audit_tells_the_books,
    assert_once,
    audit_rows,
    week,
)
from standardwebhooks import Webhook

from app.fault_points import POINTS, Call, Step

HARD: Final = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
HONEST: Final[dict[str, bool]] = {}
HOOKS_SECRET: Final = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
NOBODY: Final = "redis://127.0.0.1:1"
# Towns; each has some ten connections to PostgreSQL, and other files are played beside this one.
AT_ONCE: Final = 5
BOOKINGS: Final = 16
LEASE_SECONDS: Final = 2.0
LATENCY_SECONDS: Final = 0.4
QUICK: Final = SHORT | {
    "lease_seconds": LEASE_SECONDS,
    "sweep_seconds": 0.5,
    "slice_seconds": 0.5,
    "database_pool": 3,
    "hooks_secret": HOOKS_SECRET,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One process that ends at a point: the `at`th time that it comes there.

    Its calls in flight are `done`, or not.
    """

    play: Callable[["Scene"], list[str]]
    point: str
    method: str
    done: bool
    at: int = 1
    action: str = "kill"
    bookings: int = BOOKINGS
    concurrency: int = 4
    padding: int = 0  # free bookings for each paid one, each in a session of its own
    settings: dict[str, Any] = field(default_factory=dict)  # of the process that ends


@dataclass(slots=True)
class Scene:
    """A town in which one case is played."""

    town: Town
    made: Week
    case: Case
    has_workers: bool
    refused: list[str] = field(default_factory=list)  # subjects whose refund a person closes

    @property
    def armed(self) -> dict[str, str]:
        point = f"{self.case.point}={self.case.action}@{self.case.at}"
        return {"fault_points": point} | self.case.settings

    @property
    def switches(self) -> dict[str, Any]:
        """What the upstream does until the process has ended."""
        if not self.case.done:
            return HARD | {"latency_seconds": LATENCY_SECONDS, "drop_before": 1}
        unheard = {"drop_after": 1} if self.case.point.startswith("look_up") else {}
        return HARD | {"latency_seconds": LATENCY_SECONDS} | unheard

    @property
    def sessions(self) -> list[str]:
        return [record["id"] for record in self.made.records if record["type"] == "session"]

    @property
    def halves(self) -> tuple[list[str], list[str]]:
        return self.sessions[::2], self.sessions[1::2]

    def subjects_in(self, sessions: list[str]) -> list[str]:
        return [
            line.get("payment_id") or line["account_id"]
            for record in self.made.records
            if record["type"] == "booking" and record["session_id"] in sessions
            for line in record["payments"]
        ]

    def run(self, sessions: list[str]) -> str:
        """Accept a job of these sessions, and wait until the upstream has calls of it; its id."""
        before = self.requests()
        job_id = self.town.cancel_all(key="first", session_ids=sessions)
        api = self.town.servers[1]
        until(lambda: self.requests() > before or not api.alive)
        return job_id

    def requests(self) -> int:
        books = self.town.books(effects=False)[SERVICE_OF[self.case.method]]
        return books["requests"].get("total", 0)

    def has_ended(self, server: Server) -> None:
        """Wait until it has, by the signal that was armed and no other.

        Then the upstream is well again.
        """
        until(lambda: not server.alive)
        number = self.town.zygote.signal_that_ended(server.pid)
        assert number == signal.SIGKILL, (
            f"it ended otherwise ({number}): {server.log.read_text()[-2000:]}"
        )
        self.town.faults(**HARD)


# How a process comes to a point. Each gives the ids of the jobs that must end.


def the_worker_dies(scene: Scene) -> list[str]:
    """With a job under way, which runs in the API's process where there are no workers."""
    town = scene.town
    town.faults(**scene.switches)
    if scene.has_workers:
        town.api()
        town.cancel_all()
        scene.has_ended(town.worker(**scene.armed))
        town.worker()
    else:
        api = town.api(**scene.armed)
        with suppress(httpx.TransportError):
            town.ask_to_cancel()
        scene.has_ended(api)
        town.api()
    # The caller may not have heard the answer: it asks again under its key.
    return [town.cancel_all()]


def the_worker_dies_waking(scene: Scene) -> list[str]:
    """It prompts for what its slice leaves.

    Where it lives in the API's process, the first prompt is the API's own.
    """
    if not scene.has_workers:
        scene.case = replace(scene.case, at=2)
    return the_worker_dies(scene)


def the_sweep_dies(scene: Scene) -> list[str]:
    """The sweep finds a job that nobody was woken for.

    Once that one is at work, it finds one whose hold has ended.
    """
    town, (now, later) = scene.town, scene.halves
    town.faults(**scene.switches)
    asking = town.api(redis_url=NOBODY)
    jobs = [
        town.cancel_all(key="now", session_ids=now),
        town.cancel_all(key="later", session_ids=later, hold_seconds=3600),
    ]
    if scene.has_workers:
        server = town.worker(**scene.armed)
    else:
        asking.kill()
        server = town.api(wait=False, **scene.armed)
    until(lambda: scene.requests() or not server.alive)
    asyncio.run(end_hold(town.database_url, jobs[1]))
    scene.has_ended(server)
    if scene.has_workers:
        town.worker()
    else:
        town.api()
    return jobs


@dataclass(slots=True)
class _Request:
    """What a caller asks of an API that dies of it, while another job has calls in flight."""

    scene: Scene
    ask: Callable[[], httpx.Response]
    answers: int = 202

    def made(self) -> None:
        """Ask, and ask again of the next process, as a caller does who has heard nothing."""
        town, scene = self.scene.town, self.scene
        api = town.servers[1]
        with suppress(httpx.TransportError):
            answer = self.ask()
            raise AssertionError(f"the API has answered: {answer.status_code} {answer.text}")
        scene.has_ended(api)
        town.api()
        for _ in range(2):
            answer = self.ask()
            assert answer.status_code == self.answers, answer.text


def _open(scene: Scene) -> Server:
    api = scene.town.api(**scene.armed)
    if scene.has_workers:
        scene.town.worker()
    return api


def the_api_dies_accepting(scene: Scene) -> list[str]:
    town, (first, second) = scene.town, scene.halves
    town.faults(**scene.switches)
    _open(scene)
    under_way = scene.run(first)
    _Request(scene, lambda: town.ask_to_cancel(key="second", session_ids=second)).made()
    return [under_way, town.cancel_all(key="second", session_ids=second)]


def the_api_dies_withdrawing(scene: Scene) -> list[str]:
    town, (first, second) = scene.town, scene.halves
    town.faults(**scene.switches)
    _open(scene)
    held = town.cancel_all(key="second", session_ids=second, hold_seconds=300)
    under_way = scene.run(first)
    _Request(scene, lambda: town.call("POST", f"/{held}/withdraw"), 200).made()
    assert town.job(held)["status"] == "withdrawn"
    scene.refused = scene.subjects_in(second)
    return [under_way]


def _with_refusals(scene: Scene, refused: list[str], second: list[str]) -> str:
    """A job that has ended with failures; gives its id."""
    town = scene.town
    town.faults(**HARD, refuse_ids=dict.fromkeys(refused, "refund_window_expired"))
    _open(scene)
    ended = town.cancel_all(key="second", session_ids=second)
    assert town.wait_for(ended)["status"] == "completed_with_failures"
    return ended


def the_api_dies_retrying(scene: Scene) -> list[str]:
    town, (first, second) = scene.town, scene.halves
    ended = _with_refusals(scene, scene.subjects_in(second), second)
    town.faults(**scene.switches)
    under_way = scene.run(first)
    _Request(scene, lambda: town.call("POST", f"/{ended}/retry"), 202).made()
    return [under_way, ended]


def the_api_dies_resolving(scene: Scene) -> list[str]:
    town, (first, second) = scene.town, scene.halves
    scene.refused = scene.subjects_in(second)[:1]
    ended = _with_refusals(scene, scene.refused, second)
    [row] = [row for row in audit_rows(town.audit(ended)) if row["status"] == "rejected"]
    town.faults(**scene.switches)
    under_way = scene.run(first)
    body = {"resolution": "refunded_elsewhere", "reference": "bank transfer 4711"}
    path = f"/{ended}/refunds/{row['refund_id']}/resolve"
    _Request(scene, lambda: town.call("POST", path, json=body), 200).made()
    [row] = [row for row in audit_rows(town.audit(ended)) if row["status"] != "succeeded"]
    assert (row["status"], row["upstream_reference"]) == ("resolved", "bank transfer 4711")
    return [under_way, ended]


def the_api_dies_taking_a_hook(scene: Scene) -> list[str]:
    """The sender has heard nothing, and sends it again under its id."""
    town, (first, second) = scene.town, scene.halves
    service = SERVICE_OF[scene.case.method]
    town.faults(**HARD, pending=1, pending_seconds=3)
    _open(scene)
    pending = town.cancel_all(key="second", session_ids=second)
    until(lambda: town.count(pending, "processing") == BOOKINGS // 2)
    row = audit_rows(town.audit(pending))[0]
    town.faults(**scene.switches)
    under_way = scene.run(first)
    body = json.dumps({"type": "refund.updated", "data": {"reference": row["refund_id"]}})

    def send() -> httpx.Response:
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(HOOKS_SECRET).sign("msg_1", now, body),
        }
        url = f"http://127.0.0.1:{town.api_port}/v1/hooks/{service}"
        return town.http.post(url, content=body, headers=headers)

    _Request(scene, send, 204).made()
    return [under_way, pending]


def the_worker_stops_beyond_its_lease(scene: Scene) -> list[str]:
    """Another works on meanwhile; then the first goes on, as after a pause of its machine.

    It goes on where it stopped.
    """
    town = scene.town
    judge = HONEST if _is_impossible(scene.case) else HARD
    town.faults(**scene.switches | dict.fromkeys(HARD, judge is HARD))
    town.api()
    job_id = town.cancel_all()
    sleeper = town.worker(**scene.armed)
    until(lambda: sleeper.stopped)
    town.faults(**judge, latency_seconds=0.1)
    town.worker()
    time.sleep(2.5 * LEASE_SECONDS)  # the pause itself
    assert sleeper.stopped
    sleeper.resume()
    town.wait_for(job_id)
    time.sleep(1)  # what the sleeper still sends has come by then
    return [job_id]


def _is_impossible(case: Case) -> bool:
    return case.point.startswith("refund.") and case.point.endswith(".before")


# The table.

METHODS: Final = ("payment", "credit")
CASES: Final[dict[str, Case]] = {}


def _methods_at(point: str) -> tuple[str, ...]:
    return tuple(method for method in METHODS if f".{method}." in point) or METHODS


def _add(
    step: str, play: Callable[[Scene], list[str]], *at: int, who: str = "", **more: Any
) -> None:
    """Kill at both points of a step, each time of `at` in turn."""
    for turn, when in enumerate(
        ("before", "after") if step in list(Call) else ("before_commit", "committed")
    ):
        point = f"{step}.{when}"
        # In an order whose every other case, which is what runs on one database, has each value of
        # each column.
        rows = [
            (method, done)
            for done in (True, False)
            for method in _methods_at(point)[:: 1 if done else -1]
        ]
        for number, (method, done) in enumerate(rows[::-1] if turn else rows):
            name = f"{point}{who} {method} {'done' if done else 'not done'}"
            CASES[name] = Case(play, point, method, done, at=at[(number + turn) % len(at)], **more)


_add(Step.ACCEPT, the_api_dies_accepting, 2)
_add(Step.WITHDRAW, the_api_dies_withdrawing, 1)
_add(Step.RETRY, the_api_dies_retrying, 1)
_add(Step.RESOLVE, the_api_dies_resolving, 1)
_add(Step.HINT, the_api_dies_taking_a_hook, 1)
_add(Call.WAKE, the_api_dies_accepting, 2)
_add(Call.WAKE, the_worker_dies_waking, 1, who=" of a worker")
_add(Step.SWEEP, the_sweep_dies, 1, 2)
_add(Step.BEGIN, the_worker_dies, 1, 2, 3)
# In one slice: on a busy machine a short one is over before it comes to expanding.
_add(Step.EXPAND, the_worker_dies, 1, 2, bookings=12, padding=9, settings={"slice_seconds": 600})
_add(Step.CLAIM, the_worker_dies, 2, 3, 1)
_add(Step.RECORD, the_worker_dies, 1, 2, 3)
_add(Step.SETTLE, the_worker_dies, 1, 2)
for _call in (Call.REFUND_PAYMENT, Call.REFUND_CREDIT, Call.LOOK_UP_PAYMENT, Call.LOOK_UP_CREDIT):
    _add(_call, the_worker_dies, 1, 3)


def _stop(point: str, method: str, *, done: bool, at: int = 2, bookings: int = 8) -> Case:
    return Case(
        the_worker_stops_beyond_its_lease, point, method, done, at, "stop", bookings, concurrency=1
    )


# With one call at a time, or with one refund at all, no other call is leaving.
_STOPS: Final = (
    _stop("claim.committed", "payment", done=True, at=1),
    _stop("claim.committed", "credit", done=False, at=1),
    _stop("refund.payment.before", "payment", done=True),
    _stop("refund.credit.before", "credit", done=False),
    _stop("refund.payment.after", "payment", done=True),
    _stop("refund.credit.after", "credit", done=True),
    _stop("refund.credit.after", "credit", done=False),
    _stop("look_up.payment.before", "payment", done=False),
    _stop("look_up.payment.after", "payment", done=False),
    _stop("look_up.credit.after", "credit", done=True),
    _stop("record.before_commit", "payment", done=True, at=1, bookings=1),
    _stop("record.before_commit", "credit", done=False, at=1, bookings=1),
    _stop("record.committed", "payment", done=True, at=1, bookings=1),
    _stop("record.committed", "credit", done=False, at=1, bookings=1),
    _stop("settle.before_commit", "payment", done=True, at=1, bookings=1),
)
STOPS: Final = {
    f"{case.point} {case.method} {'done' if case.done else 'not done'}": case for case in _STOPS
}


# Playing.


@dataclass(frozen=True, slots=True)
class Stage:
    """What towns are made of, shared by the cases that are played side by side."""

    zygote: Zygote
    fresh_databases: Callable[[str, int], list[str]]
    fresh_redis: Callable[[], str]
    folders: Any
    violations: Callable[[str], list[Any]]
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def play(self, case: Case, kind: str) -> None:
        with self.one_at_a_time:
            [database_url] = self.fresh_databases(kind, 1)
            folder = self.folders.mktemp("town")
            redis = {"redis_url": self.fresh_redis()} if kind == "postgresql" else {}
        town = Town(
            self.zygote, folder, database_url, **QUICK | redis | {"concurrency": case.concurrency}
        )
        try:
            made = week(
                case.bookings * (1 + case.padding),
                kinds=(case.method, *("free",) * case.padding),
                places=1 if case.padding else 2,
            )
            town.settle_in(made)
            scene = Scene(town, made, case, has_workers=kind == "postgresql")
            jobs = case.play(scene)
            for job_id in jobs:
                assert town.wait_for(job_id)["status"] == "completed"
            books = town.books()
            assert_once(books, [line for line in made.lines if line.subject not in scene.refused])
            rows = [row for job_id in jobs for row in audit_rows(town.audit(job_id))]
            assert_audit_tells_the_books(books, rows)
            assert not self.violations(database_url)
        finally:
            town.close()


@pytest.fixture(scope="module")
def stage(zygote, fresh_databases, fresh_redis, tmp_path_factory, violations) -> Stage:
    return Stage(zygote, fresh_databases, fresh_redis, tmp_path_factory, violations)


@contextmanager
def _played(
    stage: Stage, cases: dict[str, Case], kind: str, chosen: list[str]
) -> Iterator[dict[str, Future[None]]]:
    """These cases on one kind of database, side by side: they mostly wait."""
    side_by_side = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {name: side_by_side.submit(stage.play, cases[name], kind) for name in chosen}
    finally:
        side_by_side.shutdown(cancel_futures=True)


def _chosen(request, fixture: str, kind: str) -> list[str]:
    return [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path
        and fixture in item.fixturenames
        and item.callspec.params.get(fixture, kind) == kind
    ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request, stage):
    with _played(stage, CASES, request.param, _chosen(request, "running", request.param)) as played:
        yield played


@pytest.fixture(scope="module")
def stopping(request, stage):
    with _played(stage, STOPS, "postgresql", _chosen(request, "stopping", "postgresql")) as played:
        yield played


def test_every_fault_point_is_played_with_every_method_and_effect():
    due = {
        (point, method, done)
        for point in POINTS
        for method in _methods_at(point)
        for done in (True, False)
    }
    assert {(case.point, case.method, case.done) for case in CASES.values()} == due


@pytest.mark.parametrize("name", CASES)
def test_each_line_has_one_effect_though_a_process_is_killed_at(name, running):
    running[name].result()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if place % 2 else name
        for place, name in enumerate(STOPS)
    ],
)
def test_each_line_has_one_effect_though_a_worker_stops_beyond_its_lease_at(name, stopping):
    stopping[name].result()
