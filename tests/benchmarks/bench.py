"""One run of benchmarks: how large, how often, where its databases and processes are."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
import httpx
import psutil
import sqlalchemy as sa
from redis_databases import lent
from worlds.sample_keys import SECRETS_KEY

from app.db.core.engine import Database
from app.db.schema import migrate

Kind = Literal["postgresql", "sqlite"]
ROOT: Final = Path(__file__).resolve().parents[2]
POSTGRESQL: Final = os.environ.get(
    "TEST_DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
)
_PATIENCE_SECONDS: Final = 300  # with a start, which a busy machine takes half a minute for
_SEALED: Final = {"secrets_key": SECRETS_KEY}
REDIS: Final = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
_CPUCLOCK_SCHED: Final = 2  # in a clock's id, as clock_getcpuclockid(3) makes it from a process's


@dataclass(frozen=True, slots=True)
class Bench:
    """What is asked of a benchmark: so many rounds, at one of two sizes.

    The size is full, or one that only shows that it works.
    """

    rounds: int
    short: bool
    refunds: int | None = None  # of the lines that stand beside an earlier build, which is slow
    folder: Path = field(
        default_factory=lambda: Path(tempfile.mkdtemp(prefix="bulk-cancel-bench-"))
    )

    def size(self, full: int, short: int) -> int:
        return short if self.short else full

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@asynccontextmanager
async def database(bench: Bench, kind: Kind, *, is_migrated: bool = True) -> AsyncIterator[str]:
    """The URL of a fresh database, which is gone afterwards.

    It has our schema unless an earlier build brings its own.
    """
    name = f"bulk_cancel_bench_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        url = f"sqlite+aiosqlite:///{bench.folder / name}.db"
        if is_migrated:
            await asyncio.to_thread(migrate, url)
        yield url
        return
    url = sa.make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    await _administer(f'CREATE DATABASE "{name}"')
    try:
        if is_migrated:
            await asyncio.to_thread(migrate, url)
        yield url
    finally:
        await _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administer(statement: str) -> None:
    connection = await asyncpg.connect(driver_url(POSTGRESQL))
    await connection.execute(statement)
    await connection.close()


def driver_url(url: str) -> str:
    """The URL without SQLAlchemy's word for the driver, as asyncpg and psql take it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A handle on a database in this process."""
    db = Database(url)
    try:
        yield db
    finally:
        await db.close()


def redis_url() -> AbstractContextManager[str]:
    """An empty Redis database, which nothing else uses meanwhile."""
    return lent(REDIS)


@dataclass(frozen=True, slots=True)
class Server:
    """A process of ours, and what it has used so far."""

    process: psutil.Process
    log: Path

    @property
    def cpu_seconds(self) -> float:
        """Of all its threads, in nanosecond steps: the ticks of `cpu_times` miss a short round."""
        return time.clock_gettime(~self.process.pid << 3 | _CPUCLOCK_SCHED)

    @property
    def resident_bytes(self) -> int:
        return self.process.memory_info().rss


def _environment() -> dict[str, str]:
    """Ours without what the service is set by.

    Compiled modules are kept, for compiling takes most of a start.
    """
    left_out = ("BULK_CANCEL_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


@contextmanager
def server(bench: Bench, *command: str, **settings: Any) -> Iterator[Server]:
    """Run `python -m …` with these settings (`database_url=…`) until the block ends."""
    ours = {
        f"BULK_CANCEL_{name.upper()}": str(value)
        for name, value in settings.items()
        if value is not None
    }
    log = bench.folder / f"{uuid.uuid4().hex[:8]}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=_environment() | ours | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            stdout=out,
            stderr=out,
        )
        try:
            yield Server(psutil.Process(process.pid), log)
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended by itself:\n{log.read_text()[-2000:]}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def said(running: Server, pattern: str) -> str:
    """Wait until the process has logged this pattern; returns its last group, or all of it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := re.search(pattern, running.log.read_text()):
            return found[found.lastindex or 0]
        time.sleep(0.02)
    raise RuntimeError(
        f"{pattern!r} was not said within {_PATIENCE_SECONDS} s:\n{running.log.read_text()[-2000:]}"
    )


@contextmanager
def sandbox(bench: Bench, *, latency_seconds: float) -> Iterator[str]:
    """The address of a sandbox in a process of its own, each answer as late as that."""
    with server(bench, "app.cli", "sandbox", "--port", "0") as running:
        address = said(running, r"SANDBOX_URL=(http://\S+)")
        slow = {"latency_seconds": latency_seconds}
        httpx.put(f"{address}/faults", json={"payments": slow, "credits": slow}).raise_for_status()
        yield address


@contextmanager
def upstream(
    bench: Bench, *, latency_seconds: float, certificate: Sequence[Path] = ()
) -> Iterator[str]:
    """The address of a payments service in its own process that takes next to no CPU.

    See `upstream`.
    """
    with server(
        bench, "benchmarks.upstream", str(latency_seconds), *map(str, certificate)
    ) as running:
        yield said(running, r"listening on (https?://\S+)")


@contextmanager
def worker(bench: Bench, *arguments: str, **settings: Any) -> Iterator[Server]:
    """A running arq worker."""
    with server(bench, "workers", *arguments, **(_SEALED | settings)) as running:
        said(running, "worker.started")
        yield running


@contextmanager
def api(bench: Bench, **settings: Any) -> Iterator[tuple[str, Server]]:
    """The address of a running API, and its process.

    The worker loop is in it unless there is a `redis_url`.
    """
    # Beside a Redis it calls neither, but wants to be told of both.
    usual = dict.fromkeys(("payments_url", "credits_url"), "http://127.0.0.1:9")
    usual |= _SEALED
    usual |= dict.fromkeys(("requests_per_second", "business_requests_per_second"), 1_000_000)
    with server(bench, "app.cli", "api", "--port", "0", **(usual | settings)) as running:
        address = said(running, r"Serving on (http://\S+)")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{address}/livez").is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.02)
        yield address, running


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else's queue or engine, run in the environment that only benchmarks have."""

    python: Path
    program: Path

    def measure(self, **given: Any) -> dict[str, Any]:
        """Run it with a JSON object on its standard input; what it prints last is one too."""
        done = subprocess.run(
            [str(self.python), str(self.program)],
            env=_environment(),
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.program.name} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])
