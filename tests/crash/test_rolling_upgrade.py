"""From the released build to this one and back, process by process, while callers go on.

Both are run as they are, each from its own files with its own packages, over one database: two API
processes behind nginx, two workers. Nobody who calls may notice, and each line is returned once.
"""

import itertools
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from crash.processes import BUSINESS, FINISHED, ROOT, Server, Town, Zygote, free_port, until
from crash.week import Week, assert_audit_tells_the_books, assert_once, audit_rows, week
from worlds.builds import Build, build_of
from worlds.proxies import NGINX

RELEASED = "41c61c7"  # what runs in the field: named anew with each release
HARD = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}
PAGES = ("/livez", "/readyz", "/v1/business", "/v1/sessions", "/v1/bulk-cancellations")
JOBS_A_STEP = 3
LOCATION = """
location / {
    proxy_pass http://api;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
}
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Build:
    build = build_of(tmp_path_factory.mktemp("released"), RELEASED)
    if build is None:
        asked = ["git", "-C", str(ROOT), "rev-parse", "--is-shallow-repository"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        is_here = os.environ.get("CI") == "true" and said == "false"
        (pytest.fail if is_here else pytest.skip)(f"the history of {RELEASED} is missing")
    return build


@pytest.fixture
def zygotes(released, zygote) -> Iterator[tuple[Zygote, Zygote]]:
    """Of the released build, and of this one."""
    older = Zygote(released.python, released.root)
    yield older, zygote
    older.close()


class Callers:
    """Callers who ask on and on: one reads, one cancels a session at a time.

    They count what was answered, and keep what was not to be.
    """

    def __init__(self, town: Town, session_ids: list[str]) -> None:
        self.town, self.session_ids = town, session_ids
        self.accepted: dict[str, str] = {}
        self.reads = 0
        self.statuses: Counter[int] = Counter()
        self.unwelcome: list[str] = []
        self.over = threading.Event()

    @contextmanager
    def at_it(self) -> Iterator["Callers"]:
        """They ask for as long as the block lasts."""
        asking = [threading.Thread(target=one) for one in (self._keep_reading, self._keep_asking)]
        for one in asking:
            one.start()
        try:
            yield self
        finally:
            self.over.set()
            for one in asking:
                one.join()

    def wait_for_more(self) -> None:
        """Until some more have been accepted, have ended, and much has been read."""
        jobs, reads = len(self.accepted) + JOBS_A_STEP, self.reads + 2 * len(PAGES)
        until(lambda: len(self.accepted) >= jobs and self.reads >= reads)
        last = list(self.accepted.values())[jobs - 1]
        until(lambda: self._job(last)["status"] in FINISHED)

    def _keep_reading(self) -> None:
        for path in itertools.cycle(PAGES):
            if self.over.is_set():
                return
            self._ask("GET", path)
            self.reads += 1

    def _keep_asking(self) -> None:
        for number, session_id in enumerate(self.session_ids):
            if self.over.is_set():
                return
            body = {
                "date_from": "2027-01-04",
                "date_to": "2027-01-10",
                "session_ids": [session_id],
                "reason": "Snow day",
            }
            key = {"Idempotency-Key": session_id}
            answer = self._ask("POST", "/v1/bulk-cancellations", json=body, headers=key)
            if answer is not None and answer.status_code == 202:
                self.accepted[session_id] = answer.json()["id"]
            self.over.wait(0.2)
            assert number < len(self.session_ids) - 1, "there are too few sessions"

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {self.town.key}"} | more.pop("headers", {})
        url = f"http://127.0.0.1:{self.town.api_port}{path}"
        try:
            answer = httpx.request(
                method, url, headers=headers, trust_env=False, timeout=60, **more
            )
        except httpx.TransportError as error:
            self.unwelcome.append(f"{method} {path}: {error!r}")
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code not in {200, 202}:
            self.unwelcome.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def _job(self, job_id: str) -> dict[str, Any]:
        answer = self._ask("GET", f"/v1/bulk-cancellations/{job_id}")
        assert answer is not None
        return answer.json()


class Fleet:
    """Two API processes and two workers, replaced one at a time."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.ports = free_port(), free_port()
        self.apis: list[Server] = []
        self.workers: list[Server] = []

    def start(self, build: Zygote) -> None:
        self.town.zygote = build
        self.apis = [self.town.api(port=port) for port in self.ports]
        self.workers = [self.town.worker() for _ in range(2)]

    def replace(self, build: Zygote, callers: Callers) -> None:
        """Stop each as an operator does (SIGTERM), and start the build's in its place."""
        self.town.zygote = build
        for number, worker in enumerate(self.workers):
            worker.end(within=600)
            self.workers[number] = self.town.worker()
            callers.wait_for_more()
        for number, api in enumerate(self.apis):
            api.end(within=600)
            self.apis[number] = self.town.api(port=self.ports[number])
            callers.wait_for_more()


@pytest.fixture
def town(zygotes, empty_postgresql_url, redis_url, tmp_path) -> Iterator[Town]:
    """A town on a database of the released build's, made by its own commands."""
    older, ours = zygotes
    folder = tmp_path / "town"
    folder.mkdir()
    one = Town(ours, folder, empty_postgresql_url, redis_url=redis_url, log_level="warning")
    settle_in(one, older, MADE)
    yield one
    one.close()


MADE: Week = week(1200, places=3)


def settle_in(town: Town, build: Zygote, made: Week) -> None:
    """Have the schema, the business, its key and its week by this build's commands."""

    def run(*arguments: str, stdin: str = "") -> str:
        code, out, err = build.command(arguments, town.environment(), town.folder, stdin)
        assert code == 0, err
        return out

    run("migrate")
    zone = ("--timezone", "UTC", "--currency", "EUR")
    run("business", "create", BUSINESS, "--name", "Studio", *zone)
    town.keys[BUSINESS] = run("keys", "create", BUSINESS).strip()
    run("import", "-", "--business", BUSINESS, stdin=b"".join(made.ndjson()).decode())


@pytest.mark.long
def test_processes_are_replaced_one_by_one_and_back_and_nobody_notices(zygotes, town, violations):
    older, ours = zygotes
    town.faults(**HARD, latency_seconds=0.05)
    fleet = Fleet(town)
    fleet.start(older)
    town.api_port = free_port()
    servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in fleet.ports)
    sessions = [one["id"] for one in MADE.records if one["type"] == "session"]
    callers = Callers(town, sessions)
    with NGINX.in_front(
        town.folder, LOCATION, before=f"upstream api {{ {servers} }}", port=town.api_port
    ):
        with callers.at_it():
            callers.wait_for_more()
            code, _, err = ours.command(["migrate"], town.environment(), town.folder)
            assert code == 0, err
            callers.wait_for_more()
            fleet.replace(ours, callers)
            fleet.replace(older, callers)
            fleet.replace(ours, callers)
        jobs = list(callers.accepted.values())
        until(lambda: all(town.finished(one) for one in jobs))
        rows = [row for one in jobs for row in audit_rows(town.audit(one))]
    assert callers.unwelcome == []
    print(f"\n{len(jobs)} jobs, {callers.reads} reads: {dict(callers.statuses)}")
    lines = lines_of(MADE, set(callers.accepted))
    books = town.books()
    assert_once(books, lines)
    assert_audit_tells_the_books(books, rows)
    assert not violations(town.database_url)


def lines_of(made: Week, sessions: set[str]) -> list[Any]:
    """What must come back of these sessions."""
    subjects = {
        paid.get("payment_id") or paid.get("account_id")
        for one in made.records
        if one["type"] == "booking" and one["session_id"] in sessions
        for paid in one["payments"]
    }
    return [line for line in made.lines if line.subject in subjects]
