"""Webhooks out as production runs them.

An API, `bulk-cancel worker`s over PostgreSQL and Redis, endpoints on https. The oracle is the
receivers' books; whose call one is, the operating system says.
"""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from crash.processes import PATIENCE_SECONDS, ROOT, Server, Town, until
from crash.webhook_office import (
    ENDPOINTS,
    JOBS,
    Happened,
    Office,
    all_have_heard,
    assert_only_what_happened,
    assert_the_list_tells_the_books,
    assert_the_upstream_agrees,
    missing,
)
from crash.webhook_receivers import Receivers, answers, hangs, self_signed
from crash.week import week
from worlds.sample_keys import SECRETS_KEY

SETTINGS: Final = {
    "webhook_networks": "127.0.0.0/8",
    "webhook_loopback": "false",  # which needs no TLS
    "secrets_key": SECRETS_KEY,
    "log_level": "warning",
}


@dataclass(slots=True)
class Worker:
    """`bulk-cancel worker`: a supervisor and its child."""

    process: subprocess.Popen[bytes]
    log: Path

    def local_ports(self) -> set[int]:
        """Those of the connections that it holds."""
        family = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        return {
            one.laddr.port for each in family for one in each.net_connections("tcp") if one.laddr
        }

    def end(self, within: float) -> float:
        """SIGTERM; the seconds until it has ended."""
        took = Server(self.process.pid, self.log).end(within)
        self.process.wait(1)
        return took


@pytest.fixture
def hire(tmp_path):
    """`hire(town, only=…, **environment)`: a worker, which ends with the test."""
    workers: list[Worker] = []

    def start(town: Town, *, only: str | None = None, **environment: str) -> Worker:
        settings = {
            f"BULK_CANCEL_{name.upper()}": str(value) for name, value in town.settings.items()
        }
        mine = {
            name: value for name, value in os.environ.items() if not name.startswith("BULK_CANCEL_")
        }
        log = tmp_path / f"worker-{len(workers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "app.cli",
                    "worker",
                    *([] if only is None else ["--only", only]),
                ],
                env=mine | settings | environment | {"PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        workers.append(Worker(process, log))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.end(PATIENCE_SECONDS)


@pytest.fixture
def found_office(found_towns, postgresql_url, redis_url):
    """`found_office(**settings)`: open, with nothing in it yet."""

    def found(bookings: int, **settings: Any) -> Office:
        office = Office(
            found_towns(postgresql_url, **(SETTINGS | {"redis_url": redis_url} | settings)), 1
        )
        office.town.settle_in(week(bookings, places=10))
        office.open()
        return office

    return found


@pytest.fixture
def secured(tmp_path):
    """`secured(name)`: receivers behind a certificate of their own, and its file."""
    started: list[Receivers] = []

    def start(name: str) -> tuple[Receivers, Path]:
        certificate, context = self_signed(tmp_path, name)
        started.append(Receivers(context))
        return started[-1], certificate

    yield start
    for one in started:
        one.close()


def test_workers_deliver_over_https_to_whom_they_trust(found_office, secured, hire):
    office = found_office(60)
    trusted, certificate = secured("trusted")
    strangers, _ = secured("stranger")
    for _ in range(2):
        hire(office.town, SSL_CERT_FILE=str(certificate))
    endpoints = [office.register(trusted, f"trusted {number}", answers()) for number in range(3)]
    stranger = office.register(strangers, "stranger", answers())
    plain = office.ask(
        "POST", ENDPOINTS, json={"url": endpoints[0].receiver.url.replace("https", "http")}
    )
    assert (plain.status_code, plain.json()["errors"][0]["pointer"]) == (422, "/url")
    happened = Happened(office)
    job_id = office.cancel("once", "all")
    office.wait_for([job_id])
    happened.look(job_id)
    all_have_heard(office, endpoints, happened)
    for endpoint in endpoints:
        assert assert_the_list_tells_the_books(office, endpoint).keys() == {"delivered"}
    assert_only_what_happened([*endpoints, stranger], happened)
    assert_the_upstream_agrees(office.town, happened)
    assert stranger.receiver.calls == []
    attempts = [one for row in office.deliveries(stranger).values() for one in row["attempts"]]
    assert {(one["status_code"], one["error"]) for one in attempts} == {(None, "tls")}


def test_a_worker_told_to_stop_leaves_what_hangs_to_the_other(found_office, secured, hire):
    # A claim lasts longer than a call may: were it not given back, nothing would come before it is
    # out.
    office = found_office(30, webhook_timeout_seconds=600)
    receivers, certificate = secured("trusted")
    workers = [hire(office.town, SSL_CERT_FILE=str(certificate)) for _ in range(2)]
    released = threading.Event()
    hanging = office.register(receivers, "hanging", hangs(released))
    healthy = office.register(receivers, "healthy", answers())
    happened = Happened(office)
    job_id = office.cancel("once", "all")
    office.wait_for([job_id])
    happened.look(job_id)
    until(lambda: not missing(healthy, happened))
    calls = list(hanging.receiver.calls)
    held = [
        {call.event_id for call in calls if call.from_port in worker.local_ports()}
        for worker in workers
    ]
    assert any(held)
    leaver = max(range(2), key=lambda number: len(held[number]))
    hanging.receiver.behave = answers()
    workers[leaver].end(300)  # half of what its call may take: it does not wait for that
    released.set()  # what hangs at the other one, too: a worker has few lines to one endpoint
    until(lambda: held[leaver] <= hanging.receiver.ids(taken=True), 300)
    all_have_heard(office, [hanging, healthy], happened)
    assert_only_what_happened([hanging, healthy], happened)


def test_a_worker_leaves_to_others_what_it_was_not_hired_for(found_office, secured, hire):
    office = found_office(20, upstream_timeout_seconds=10, lease_seconds=15)
    office.town.faults(latency_seconds=2)  # long enough for a worker that delivers to have looked
    receivers, certificate = secured("trusted")
    endpoint = office.register(receivers, "told", answers())
    happened = Happened(office)
    refunding = hire(office.town, only="refunds", SSL_CERT_FILE=str(certificate))
    session = next(
        record["id"] for record in week(20, places=10).records if record["type"] == "session"
    )
    job_id = office.cancel("first", [session])
    office.wait_for([job_id])
    happened.look(job_id)
    assert endpoint.receiver.calls == []
    refunding.end(PATIENCE_SECONDS)
    hire(office.town, only="deliveries", SSL_CERT_FILE=str(certificate))
    all_have_heard(office, [endpoint], happened)
    before = office.town.effects()
    later = office.cancel("later", "all")

    def hears_of_it() -> bool:
        return any(
            call.event["data"].get("job_id") == later for call in list(endpoint.receiver.calls)
        )

    until(hears_of_it)
    assert (office.get(f"{JOBS}/{later}")["status"], office.town.effects()) == ("queued", before)
