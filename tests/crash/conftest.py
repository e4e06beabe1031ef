"""What the fault tests may ask for: towns of real processes, and servers that they may break.

Those are a Redis and a PostgreSQL.
"""

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from crash.localstripe_books import Localstripe
from crash.own_postgresql import BreakablePostgresql, own_postgresql
from crash.processes import free_port, listens, until
from crash.stages import Stage
from postgresql_databases import administer, in_a_thread

from app.db.core.engine import Database
from app.db.schema import migrate
from app.refunds.verify import verify


@pytest.fixture
def found_localstripe(tmp_path):
    """Start localstripe, as slow as the test says: `found_localstripe(before=…, after=…)`."""
    started = []

    def found(**how: Any) -> Localstripe:
        log = tmp_path / f"localstripe{len(started)}.log"
        started.append(Localstripe(log, **{"before": 0.0, "after": 0.0} | how))
        return started[-1]

    yield found
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def violations():
    """The rows of a database that break an invariant."""

    def check(database_url: str) -> list:
        async def run() -> list:
            db = Database(database_url)
            try:
                return await verify(db)
            finally:
                await db.close()

        return asyncio.run(run())

    return check


POSTGRESQL = sa.make_url(
    os.environ.get("TEST_DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")
)


def _run_on_server(*statements: str) -> None:
    in_a_thread(administer(POSTGRESQL.render_as_string(hide_password=False), *statements))


@pytest.fixture
def run_on_server() -> Callable[..., None]:
    """`run_on_server(*statements)`: of the whole PostgreSQL server, not of one database."""
    return _run_on_server


@pytest.fixture(scope="session")
def fresh_databases(request, tmp_path_factory) -> Iterator[Callable[[str, int], list[str]]]:
    """`fresh_databases(kind, count)`: URLs of migrated databases, for tests that need several."""
    made: list[str] = []
    folder = tmp_path_factory.mktemp("fresh")

    def fresh(kind: str, count: int) -> list[str]:
        names = [f"bulk_cancel_crash_{uuid.uuid4().hex[:12]}" for _ in range(count)]
        if kind == "sqlite":
            for name in names:
                shutil.copyfile(request.getfixturevalue("_sqlite_template"), folder / name)
            return [f"sqlite+aiosqlite:///{folder / name}" for name in names]
        if (
            not listens(POSTGRESQL.port or 5432, POSTGRESQL.host or "127.0.0.1")
            and os.environ.get("CI") != "true"
        ):
            pytest.skip("PostgreSQL is missing")
        template = request.getfixturevalue("_postgresql_template")
        _run_on_server(*(f'CREATE DATABASE "{name}" TEMPLATE "{template}"' for name in names))
        made.extend(names)
        return [
            POSTGRESQL.set(database=name).render_as_string(hide_password=False) for name in names
        ]

    yield fresh
    if made:
        _run_on_server(*(f'DROP DATABASE "{name}" WITH (FORCE)' for name in made))


@pytest.fixture
def copy_database(fresh_databases):
    """`copy_database(url)`: the URL of a copy, as a backup would hold it.

    Nothing may be connected to the original.
    """

    def copy(database_url: str) -> str:
        url = sa.make_url(database_url)
        if url.get_backend_name() == "sqlite":
            original = Path(url.database or "")
            made = original.with_name(f"copy-{uuid.uuid4().hex[:8]}.db")
            for suffix in ("", "-wal"):
                if (part := original.with_name(original.name + suffix)).exists():
                    shutil.copyfile(part, made.with_name(made.name + suffix))
            return url.set(database=str(made)).render_as_string(hide_password=False)
        [empty] = fresh_databases("postgresql", 1)
        name = sa.make_url(empty).database
        _run_on_server(
            f'DROP DATABASE "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"'
        )
        return empty

    return copy


class BreakableRedis:
    """A Redis of the test's own, on one port."""

    def __init__(self, program: str, folder: Path, databases: int = 16) -> None:
        self.program, self.folder = program, folder
        self.port, self.databases = free_port(), databases
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        arguments += ["--databases", str(self.databases)]
        self.process = subprocess.Popen([self.program, *arguments], stdout=subprocess.DEVNULL)
        until(lambda: listens(self.port))

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def breakable_redis(tmp_path) -> Iterator[BreakableRedis]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is missing")
    one = BreakableRedis(program, tmp_path)
    one.start()
    yield one
    one.kill()


@pytest.fixture(scope="session")
def fresh_redis(tmp_path_factory) -> Iterator[Callable[[], str]]:
    """`fresh_redis()`: the URL of an empty database, for tests that need many towns at once."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is missing")
    one = BreakableRedis(program, tmp_path_factory.mktemp("redis"), databases=1000)
    one.start()
    numbers = iter(range(one.databases))
    yield lambda: f"redis://127.0.0.1:{one.port}/{next(numbers)}"
    one.kill()


@pytest.fixture
def breakable_postgresql() -> Iterator[BreakablePostgresql]:
    with own_postgresql() as one:
        migrate(one.url)
        yield one


@pytest.fixture(scope="module")
def stage(zygote, fresh_databases, fresh_redis, tmp_path_factory, violations) -> Stage:
    return Stage(zygote, fresh_databases, fresh_redis, tmp_path_factory, violations)
