"""The main job on a real city's day: the upstreams' books equal the audit.

Import, plan "all", cancel, follow to the end, verify. Every process is a real one, started as an
operator would. The schedule is not part of the project: where it is not beside the checkout, these
tests say so and do not run.
"""

import collections
import contextlib
import csv
import io
import os
import re
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from worlds.sample_keys import SECRETS_KEY

SCHEDULE = (
    Path(__file__).parents[2] / ".." / "shared" / "data" / "toronto-drop-in-2026-01-05.ndjson.gz"
)
DAY = {
    "date_from": "2026-01-05",
    "date_to": "2026-01-05",
    "session_ids": "all",
    "reason": "Snow day",
}
SESSIONS, BOOKINGS = 1055, 8221
PATIENCE_SECONDS = 600  # with what comes if all is well, on a busy machine

pytestmark = [
    pytest.mark.skipif(not SCHEDULE.exists(), reason=f"the city's schedule is not at {SCHEDULE}"),
    pytest.mark.timeout(1800),
]


class Operator:
    """Runs `bulk-cancel` commands and processes with one set of settings, in its own directory."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("BULK_CANCEL_")
        }
        self.environment |= {
            f"BULK_CANCEL_{name.upper()}": value for name, value in settings.items()
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def serving(self, *command: str, awaiting: str):
        """A process that runs until the block ends; yields what `awaiting` found in its log."""
        log = self.folder / f"{'-'.join(command)}-{time.monotonic_ns()}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *command],
                cwd=self.folder,
                env=self.environment,
                stderr=out,
            )
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (found := re.search(awaiting, log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield found[1] if found.groups() else found[0]
        finally:
            process.terminate()
            assert process.wait(timeout=PATIENCE_SECONDS) == 0, log.read_text()


@pytest.fixture
def told(capsys):
    """Prints rows of the run's table whatever is captured."""

    def tell(**columns: object) -> None:
        with capsys.disabled():
            print("\n  " + "  ".join(f"{name}: {value}" for name, value in columns.items()))

    return tell


def test_a_citys_day_is_settled_to_the_cent_on_sqlite_with_nothing_else_running(tmp_path, told):
    operator = Operator(tmp_path, log_json="true", payments_url="sandbox", credits_url="sandbox")
    operator.run("migrate")
    times, key = _set_up(operator)
    with operator.serving(
        "api", "--port", "0", awaiting=r'"books": "(http://\S+)/books"'
    ) as sandbox:
        address = _address(tmp_path)
        job = _cancel_and_follow(operator, address, key, sandbox, times)
    told(database="SQLite, embedded", **times, **job)


@pytest.mark.long
def test_a_citys_day_is_settled_to_the_cent_on_postgresql_and_redis_with_two_workers(
    postgresql_url, redis_url, tmp_path, told
):
    with Operator(tmp_path).serving(
        "sandbox", "--port", "0", awaiting=r"SANDBOX_URL=(http://\S+)"
    ) as sandbox:
        operator = Operator(
            tmp_path,
            log_json="true",
            database_url=postgresql_url,
            redis_url=redis_url,
            payments_url=f"{sandbox}/payments",
            credits_url=f"{sandbox}/credits",
            secrets_key=SECRETS_KEY,
        )
        times, key = _set_up(operator)
        with (
            operator.serving("api", "--port", "0", awaiting="Serving on"),
            operator.serving("worker", awaiting="worker.started"),
            operator.serving("worker", awaiting="worker.started"),
        ):
            job = _cancel_and_follow(operator, _address(tmp_path), key, sandbox, times)
    told(database="PostgreSQL + Redis, 1 API, 2 workers", **times, **job)


def _set_up(operator: Operator) -> tuple[dict[str, str], str]:
    operator.run(
        "business",
        "create",
        "toronto",
        "--name",
        "Toronto",
        "--timezone",
        "America/Toronto",
        "--currency",
        "CAD",
    )
    key = operator.run("keys", "create", "toronto").strip()
    started = time.monotonic()
    operator.run("import", str(SCHEDULE), "--business", "toronto")
    return {"import": f"{time.monotonic() - started:.1f} s"}, key


def _address(folder: Path) -> str:
    [log] = folder.glob("api-*.log")
    return re.search(r"Serving on (http://[\d.:]+)", log.read_text())[1]


def _cancel_and_follow(
    operator: Operator, address: str, key: str, sandbox: str, times: dict[str, str]
) -> dict[str, object]:
    with httpx.Client(
        base_url=f"{address}/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE_SECONDS,
    ) as api:
        started = time.monotonic()
        plan = api.post("/bulk-cancellations/plan", json=DAY).raise_for_status().json()
        times["plan"] = f"{time.monotonic() - started:.2f} s"
        assert plan["totals"]["sessions"] == SESSIONS
        body = DAY | {"plan_digest": plan["digest"]}
        headers = {"Idempotency-Key": "snow", "Accept": "text/csv"}
        started = time.monotonic()
        accepted = api.post("/bulk-cancellations", json=body, headers=headers)
        times["202 with CSV"] = f"{time.monotonic() - started:.2f} s"
        assert accepted.status_code == 202, accepted.text
        job_url = accepted.headers["location"].removeprefix("/v1")
        followed = b"".join(_follow(api, job_url))
        times["settled"] = f"{time.monotonic() - started:.1f} s"
        job = api.get(job_url).json()
        final = api.get(f"{job_url}/audit.csv").content
    assert job["status"] == "completed"
    _reconcile(_rows(accepted.content), _rows(final), _rows(followed), plan["totals"])
    books = httpx.get(f"{sandbox}/books", timeout=PATIENCE_SECONDS).json()
    _compare_with_books(_rows(final), books)
    operator.run("verify")  # exits with 1 if a row breaks an invariant
    refunds = plan["totals"]["refunds"]
    seconds = float(times["settled"].split()[0])
    return {
        "refunds": refunds,
        "a second": round(refunds / seconds),
        "audit lines": len(_rows(final)),
    }


def _follow(api: httpx.Client, job_url: str):
    with api.stream(
        "GET", f"{job_url}/audit.csv", params={"follow": "true"}, timeout=PATIENCE_SECONDS
    ) as answer:
        answer.raise_for_status()
        yield from answer.iter_raw()


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def _reconcile(accepted, final, followed, totals) -> None:
    """The CSVs of the 202, the final and the followed one agree, line by line.

    They speak of the same refunds and amounts.
    """
    frozen = (
        "session_id",
        "booking_id",
        "client_id",
        "refund_id",
        "method",
        "amount",
        "currency",
        "credits",
    )

    def lines(rows):
        return collections.Counter(tuple(row[name] for name in frozen) for row in rows)

    assert lines(accepted) == lines(final) == lines(followed)
    assert {row["status"] for row in final} == {"succeeded", "skipped"}
    assert {row["session_id"] for row in final} == {row["session_id"] for row in accepted}
    assert len({row["session_id"] for row in final}) == SESSIONS
    assert (
        len({row["booking_id"] for row in final if row["booking_id"]})
        == BOOKINGS
        == totals["bookings"]
    )
    assert sum(row["status"] == "succeeded" for row in final) == totals["refunds"]


def _compare_with_books(final, books) -> None:
    """The upstreams' own books hold each refund of the audit once, and nothing else.

    To the cent and the credit.
    """
    for service, method in (("payments", "payment"), ("credits", "credit")):
        assert books[service]["twice"] == {}
        effects = {effect["reference"]: effect for effect in books[service]["effects"]}
        mine = [row for row in final if row["method"] == method and row["status"] == "succeeded"]
        assert effects.keys() == {row["refund_id"] for row in mine}
        for row in mine:
            effect = effects[row["refund_id"]]
            if method == "payment":
                assert Decimal(row["amount"]) * 100 == effect["amount"]
                assert row["currency"] == effect["currency"]
            else:
                assert int(row["credits"]) == effect["amount"]
    cents = sum(Decimal(row["amount"]) * 100 for row in final if row["method"] == "payment")
    assert books["payments"]["totals"]["sums"] == {"CAD": cents}
    returned = sum(int(row["credits"]) for row in final if row["method"] == "credit")
    assert books["credits"]["totals"]["sums"] == {"credits": returned}
