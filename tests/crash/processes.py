"""A town of real processes: the sandbox, an API and workers.

They are to be killed, stopped and started again from outside. The invariant: a town ends what it
started and nothing else, and whatever happens to the others, its sandbox lives, for its books are
the judge.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import psutil
from crash.week import FIRST_DAY, LAST_DAY, Week
from worlds.sample_keys import SECRETS_KEY

from app.auth import keys
from app.db.access import businesses
from app.db.core.engine import Database
from app.schedule.load import import_file

T = TypeVar("T")
ROOT: Final = Path(__file__).resolve().parents[2]
BUSINESS: Final = "studio"
SHORT: Final = {
    "upstream_timeout_seconds": 1,
    "upstream_quiescence_seconds": 0.5,
    "lease_seconds": 3,
    "sweep_seconds": 1,
    "slice_seconds": 2,
    "concurrency": 8,
}
# With what comes if all is well: much, for a busy machine is no failure.
PATIENCE_SECONDS: Final = 600.0
FINISHED: Final = {"completed", "completed_with_failures"}


def until(found: Callable[[], T], seconds: float = PATIENCE_SECONDS, *, pause: float = 0.05) -> T:
    """Ask until the answer is true; fails when it has not become so in time.

    Less `seconds` are a promise.
    """
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s: {found}"
        time.sleep(pause)
    return answer


# So many of a run's processes have ports of their own, and give each once: from a port's choice to
# its server's start, and while that is down, nobody else must get it.
_PORTS: Final = range(15_000, 32_000)
_PROCESSES: Final = 16
_given: Final[set[int]] = set()


def _own_ports() -> range:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    each = len(_PORTS) // _PROCESSES
    return _PORTS[number * each : (number + 1) * each]


def free_port() -> int:
    """A port that is free, and stays so while its server is down.

    No connection out of this machine is given it.
    """
    own = _own_ports()
    for port in random.SystemRandom().sample(own, len(own)):
        if port in _given:
            continue
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            _given.add(port)
            return port
    raise AssertionError("no port is free")


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


class Zygote:
    """The process that all others are forked from (see `zygote.py`).

    It is of this build, or of another at `root`.
    """

    def __init__(self, python: Path = Path(sys.executable), root: Path = ROOT) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("BULK_CANCEL_")
        }
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("zygote.py"))],
            env=environment | {"PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ready = False
        self._one_at_a_time = threading.Lock()

    def fork(
        self, run: str, arguments: Sequence[str], environment: dict[str, str], log: Path
    ) -> int:
        """Start a server; gives its pid."""
        return self._ask(
            {"run": run, "arguments": list(arguments), "environment": environment, "log": str(log)}
        )

    def signal_that_ended(self, pid: int) -> int:
        """Which signal ended a server that is dead; 0: none, it ended by itself."""
        return max(0, -self.ended(pid))

    def command(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        cwd: Path,
        stdin: str = "",
        module: str = "app.cli",
    ) -> tuple[int, str, str]:
        """Run `python -m` with this module and arguments to its end.

        Gives its exit code, output and errors.
        """
        with tempfile.TemporaryDirectory() as name:
            given, out, err = (Path(name) / each for each in ("stdin", "stdout", "stderr"))
            given.write_text(stdin)
            files = {"stdin": str(given), "stdout": str(out)}
            pid = self.start(arguments, environment, cwd, err, module=module, **files).pid
            until(lambda: not Server(pid, err).alive, pause=0.005)
            return self.ended(pid), out.read_text(), err.read_text()

    def start(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        cwd: Path,
        log: Path,
        module: str = "app.cli",
        **files: str,
    ) -> "Server":
        """Start `python -m` with this module and arguments, in that directory."""
        order = {
            "run": "command",
            "arguments": list(arguments),
            "environment": environment,
            "cwd": str(cwd),
        }
        return Server(self._ask(order | {"module": module, "log": str(log)} | files), log)

    def ended(self, pid: int) -> int:
        """The exit code of what is dead; below 0: the signal that ended it."""
        return self._ask({"ended": pid})

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            if not self._ready:
                self._ready = self._process.stdout.readline() == "ready\n"
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=30)


@dataclass(slots=True)
class Server:
    """One running process."""

    pid: int
    log: Path
    started_at: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            # One that was killed is a zombie while threads of it still hold its port, on a busy
            # machine for a while.
            return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
        return False

    @property
    def stopped(self) -> bool:
        """Whether it is there and does nothing (SIGSTOP)."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        return False

    def kill(self) -> None:
        """Kill -9, and wait until it is dead."""
        self._signal(signal.SIGKILL)
        until(lambda: not self.alive, pause=0.002)

    def stop(self) -> None:
        """SIGSTOP: it is still there and does nothing, as in a long pause of a virtual machine."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def tell_to_end(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def end(self, within: float) -> float:
        """SIGTERM; the seconds it took to end."""
        begun = time.monotonic()
        self.tell_to_end()
        until(lambda: not self.alive, within, pause=0.01)
        return time.monotonic() - begun

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Town:
    """A sandbox, and what is started beside it, over one database.

    `settings` are for every process but the sandbox.
    """

    def __init__(self, zygote: Zygote, folder: Path, database_url: str, **settings: Any) -> None:
        self.zygote = zygote
        self.folder = folder
        self.database_url = database_url
        self.sandbox_port, self.api_port = free_port(), free_port()
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.settings = SHORT | {
            "database_url": database_url,
            "payments_url": f"{self.sandbox_url}/payments",
            "credits_url": f"{self.sandbox_url}/credits",
            "secrets_key": SECRETS_KEY,
            "webhook_loopback": "true",
            "log_json": "true",
        }
        self.settings |= settings
        self.servers: list[Server] = []
        self.keys: dict[str, str] = {}
        self.http = httpx.Client(trust_env=False, verify=False, timeout=60)
        self._start("sandbox", "--port", str(self.sandbox_port))
        until(lambda: listens(self.sandbox_port))

    def close(self) -> None:
        for server in self.servers:
            if server.alive:
                server.kill()
        self.http.close()

    def environment(self, **settings: Any) -> dict[str, str]:
        """What the town's processes are set by, and these besides."""
        return {
            f"BULK_CANCEL_{name.upper()}": str(value)
            for name, value in (self.settings | settings).items()
        }

    def _start(self, run: str, *arguments: str, **settings: Any) -> Server:
        log = self.folder / f"{run}-{len(self.servers)}.log"
        server = Server(self.zygote.fork(run, arguments, self.environment(**settings), log), log)
        self.servers.append(server)
        return server

    def worker(self, **settings: Any) -> Server:
        """Start one worker."""
        return self._start("worker", **settings)

    def api(self, *, wait: bool = True, port: int | None = None, **settings: Any) -> Server:
        """Start the API, on the same port each time unless another is named."""
        port = port or self.api_port
        server = self._start("api", "--port", str(port), **settings)
        if wait:
            until(lambda: self._answers_by(server, port))
        return server

    def answers(self, port: int | None = None) -> bool:
        """Whether the API has started: it listens before that."""
        with suppress(httpx.TransportError):
            url = f"http://127.0.0.1:{port or self.api_port}/livez"
            return self.http.get(url).status_code == 200
        return False

    def _answers_by(self, server: Server, port: int) -> bool:
        answers = self.answers(port)
        assert answers or server.alive, server.log.read_text()[-4000:]
        return answers

    # What an operator would do: by library calls, because commands take a second each.

    @property
    def key(self) -> str:
        """The first business's API key."""
        return self.keys[BUSINESS]

    def settle_in(self, week: Week, *, business: str = BUSINESS) -> None:
        """Create the business and its key and import the week."""

        async def settle() -> None:
            db = Database(self.database_url)
            async with db.write() as conn:
                await businesses.create(conn, business, "Studio", "UTC", "EUR")
            self.keys[business] = await keys.create_key(db, business, "tests", list(keys.Scope))
            report = await import_file(db, business, week.ndjson())
            assert not report.errors, report.first_errors
            await db.close()

        asyncio.run(settle())

    def limit_to(self, **limits: Any) -> None:
        """Set limits above which the business's cancellations need an approval."""
        url = f"http://127.0.0.1:{self.api_port}/v1/approval-limits"
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.http.put(url, headers=headers, json=limits)
        assert answer.status_code == 200, answer.text

    def add_endpoint(self, receiver: Any) -> None:
        """Have the first business's events sent to a receiver, by the key that it is given."""
        url = f"http://127.0.0.1:{self.api_port}/v1/webhook-endpoints"
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.http.post(url, headers=headers, json={"url": receiver.url})
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]

    def let_somebody_else_in(self, who: str) -> None:
        """Create another key of the first business: `call` takes its holder for a business."""

        async def create() -> None:
            db = Database(self.database_url)
            self.keys[who] = await keys.create_key(db, BUSINESS, who, list(keys.Scope))
            await db.close()

        asyncio.run(create())

    # The sandbox.

    def faults(self, **both: Any) -> None:
        """Switch both services' faults; what is left out is off."""
        self.faults_of(payments=both, credits=both)

    def faults_of(self, **services: dict[str, Any]) -> None:
        answer = self.http.put(f"{self.sandbox_url}/faults", json=services)
        assert answer.status_code == 200, answer.text

    def books(self, *, effects: bool = True) -> dict[str, Any]:
        return self.http.get(
            f"{self.sandbox_url}/books", params={"effects": str(effects).lower()}
        ).json()

    def effects(self) -> int:
        """How many refunds the books hold now."""
        books = self.books(effects=False)
        return sum(books[service]["totals"]["succeeded"] for service in ("payments", "credits"))

    # The API.

    def call(
        self, method: str, path: str, *, business: str = BUSINESS, **more: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[business]}"} | more.pop("headers", {})
        url = f"http://127.0.0.1:{self.api_port}/v1/bulk-cancellations{path}"
        return self.http.request(method, url, headers=headers, **more)

    def cancel_all(self, *, key: str = "once", **more: Any) -> str:
        """Accept the whole week; gives the job's id."""
        answer = self.ask_to_cancel(key=key, **more)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def ask_to_cancel(
        self, *, key: str = "once", business: str = BUSINESS, **more: Any
    ) -> httpx.Response:
        body = {
            "date_from": FIRST_DAY,
            "date_to": LAST_DAY,
            "session_ids": "all",
            "reason": "Snow day",
        } | more
        return self.call("POST", "", business=business, json=body, headers={"Idempotency-Key": key})

    def job(self, job_id: str, *, business: str = BUSINESS) -> dict[str, Any]:
        answer = self.call("GET", f"/{job_id}", business=business)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finished(self, job_id: str, *, business: str = BUSINESS) -> bool:
        return self.job(job_id, business=business)["status"] in FINISHED

    def wait_for(
        self,
        job_id: str,
        seconds: float = PATIENCE_SECONDS,
        *,
        business: str = BUSINESS,
        pause: float = 0.1,
    ) -> dict[str, Any]:
        """The job once it has ended."""
        until(lambda: self.finished(job_id, business=business), seconds, pause=pause)
        return self.job(job_id, business=business)

    def count(self, job_id: str, status: str) -> int:
        return self.job(job_id)["refunds"][status]["count"]

    def audit(self, job_id: str, *, business: str = BUSINESS) -> str:
        answer = self.call("GET", f"/{job_id}/audit.csv", business=business)
        assert answer.status_code == 200, answer.text
        return answer.text
