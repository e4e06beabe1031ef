"""How a process comes to a fault point, and ends there by the signal that was armed."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self

import httpx
from crash.processes import Server, Town, until
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
from worlds.sample_keys import HOOKS_SECRET

HARD: Final = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
HONEST: Final[dict[str, bool]] = {}
NOBODY: Final = "redis://127.0.0.1:1"
BOOKINGS: Final = 16
LEASE_SECONDS: Final = 2.0
LATENCY_SECONDS: Final = 0.4


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
    kinds: tuple[str, ...] = ()  # of bookings; none: what the scene plays with


@dataclass(slots=True)
class Scene:
    """A town in which one case is played."""

    town: Town
    made: Week
    case: Case
    has_workers: bool
    refused: list[str] = field(default_factory=list)  # subjects whose refund a person closes
    hard: ClassVar[dict[str, bool]] = HARD
    asked: ClassVar[dict[str, Any]] = {}  # with the cancellation of the whole week

    @classmethod
    def build(cls, town: Town, case: Case, *, has_workers: bool) -> Self:
        """The scene, with its week imported."""
        made = week(
            case.bookings * (1 + case.padding),
            kinds=(case.method, *("free",) * case.padding),
            places=1 if case.padding else 2,
        )
        town.settle_in(made)
        return cls(town, made, case, has_workers)

    def judge(self, jobs: list[str]) -> None:
        """Each line has one effect by the books, and the audit tells the same."""
        for job_id in jobs:
            assert self.town.wait_for(job_id)["status"] == "completed"
        books = self.town.books()
        assert_once(books, [line for line in self.made.lines if line.subject not in self.refused])
        rows = [row for job_id in jobs for row in audit_rows(self.town.audit(job_id))]
        assert_audit_tells_the_books(books, rows)

    def set_faults(self, **switches: Any) -> None:
        """Switch the upstreams' faults; what is left out is off."""
        self.town.faults(**switches)

    @property
    def armed(self) -> dict[str, str]:
        point = f"{self.case.point}={self.case.action}@{self.case.at}"
        return {"fault_points": point} | self.case.settings

    @property
    def switches(self) -> dict[str, Any]:
        """What the upstream does until the process has ended."""
        if not self.case.done:
            return self.hard | {"latency_seconds": LATENCY_SECONDS, "drop_before": 1}
        unheard = {"drop_after": 1} if self.case.point.startswith("look_up") else {}
        return self.hard | {"latency_seconds": LATENCY_SECONDS} | unheard

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
        self.set_faults(**self.hard)


# How a process comes to a point. Each gives the ids of the jobs that must end.


def the_worker_dies(scene: Scene) -> list[str]:
    """With a job under way, which runs in the API's process where there are no workers."""
    town = scene.town
    scene.set_faults(**scene.switches)
    if scene.has_workers:
        town.api()
        town.cancel_all(**scene.asked)
        scene.has_ended(town.worker(**scene.armed))
        town.worker()
    else:
        api = town.api(**scene.armed)
        with suppress(httpx.TransportError):
            town.ask_to_cancel(**scene.asked)
        scene.has_ended(api)
        town.api()
    # The caller may not have heard the answer: it asks again under its key.
    return [town.cancel_all(**scene.asked)]


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


def _asked(scene: Scene) -> tuple[str, str]:
    """A job under way, and one that awaits somebody else's approval."""
    town, (first, second) = scene.town, scene.halves
    town.faults(**scene.switches)
    _open(scene)
    under_way = scene.run(first)
    town.let_somebody_else_in("approver")
    town.limit_to(sessions=0)
    asked = town.cancel_all(key="second", session_ids=second)
    assert town.job(asked)["status"] == "awaiting_approval"
    return under_way, asked


def the_api_dies_approving(scene: Scene) -> list[str]:
    town = scene.town
    under_way, asked = _asked(scene)
    digest = town.job(asked)["approval"]["plan_digest"]
    path, body = f"/{asked}/approve", {"plan_digest": digest}
    _Request(scene, lambda: town.call("POST", path, business="approver", json=body), 200).made()
    return [under_way, asked]


def the_api_dies_refusing(scene: Scene) -> list[str]:
    town = scene.town
    under_way, asked = _asked(scene)
    path, body = f"/{asked}/refuse", {"note": "Not this week"}
    _Request(scene, lambda: town.call("POST", path, business="approver", json=body), 200).made()
    assert town.job(asked)["status"] == "refused"
    scene.refused = scene.subjects_in(scene.halves[1])
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


def the_api_dies_taking_a_choice(scene: Scene) -> list[str]:
    """The client asks again. If the prompt is lost with the process, a sweep finds the choice."""
    town, (first, second) = scene.town, scene.halves
    town.faults(**HARD)
    _open(scene)
    chosen = town.cancel_all(key="second", session_ids=second, terms={"choice": {}})
    rows: list[dict[str, Any]] = []
    until(lambda: rows.extend(town.call("GET", f"/{chosen}/choices").json()["data"]) or rows)
    town.faults(**scene.switches)
    under_way = scene.run(first)
    url = f"http://127.0.0.1:{town.api_port}/v1/choices{rows[0]['link'].removeprefix('/choose')}"
    _Request(scene, lambda: town.http.post(url, json={"form": "original"}), 200).made()
    return [under_way, chosen]


def the_worker_stops_beyond_its_lease(scene: Scene) -> list[str]:
    """Another works on meanwhile; then the first goes on, as after a pause of its machine.

    It goes on where it stopped.
    """
    town = scene.town
    judge = HONEST if _is_impossible(scene.case) else scene.hard
    scene.set_faults(**scene.switches | dict.fromkeys(scene.hard, judge is not HONEST))
    town.api()
    job_id = town.cancel_all(**scene.asked)
    sleeper = town.worker(**scene.armed)
    until(lambda: sleeper.stopped)
    scene.set_faults(**judge, latency_seconds=0.1)
    town.worker()
    time.sleep(2.5 * LEASE_SECONDS)  # the pause itself
    assert sleeper.stopped
    sleeper.resume()
    town.wait_for(job_id)
    time.sleep(1)  # what the sleeper still sends has come by then
    return [job_id]


def _is_impossible(case: Case) -> bool:
    return case.point.startswith("refund.") and case.point.endswith(".before")
