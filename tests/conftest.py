"""What every test may ask for: a fresh, migrated database of each kind, and a Redis of its own.

Where PostgreSQL or Redis is missing, the tests that need it are skipped and the run's last lines say so; with CI=true
in the environment a missing service fails them.
"""

import asyncio
import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis_databases import lent
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.engine import Database
from app.db.schema import migrate
from app.telemetry import configure_logging

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
IN_CI = os.environ.get("CI") == "true"


def _needs(service: str, host: str | None, port: int) -> None:
    try:
        socket.create_connection((host or "127.0.0.1", port), timeout=2).close()
    except OSError:
        reason = f"{service} is missing (nothing listens on {host}:{port})"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_configure(config):
    # Processes that tests start keep compiled modules, whatever the environment says: compiling takes most of a start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("compiled"))
    # Plain lines; structlog's own default prints every local variable of a traceback, which takes seconds.
    configure_logging(json_lines=True, level="info")


def pytest_terminal_summary(terminalreporter):
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"NOT RUN: {reason.removeprefix('Skipped: ')}", yellow=True)


def _administer(*statements: str) -> None:
    async def run() -> None:
        engine = create_async_engine(POSTGRESQL, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
        await engine.dispose()

    # In a thread of its own: a browser test has a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def _on_postgresql(database: str) -> str:
    return sa.make_url(POSTGRESQL).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgresql_template() -> Iterator[str]:
    name = f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
    _administer(f'CREATE DATABASE "{name}"')
    migrate(_on_postgresql(name))
    yield name
    _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(_sqlite_template, tmp_path) -> str:
    """A fresh, migrated SQLite file."""
    path = tmp_path / "bulk-cancel.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgresql_url(request) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database, dropped afterwards."""
    url = sa.make_url(POSTGRESQL)
    _needs("PostgreSQL", url.host, url.port or 5432)
    template = request.getfixturevalue("_postgresql_template")
    name = f"{template}_{uuid.uuid4().hex[:8]}"
    _administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _on_postgresql(name)
    _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_postgresql_url() -> Iterator[str]:
    """A PostgreSQL database with nothing in it, dropped afterwards."""
    url = sa.make_url(POSTGRESQL)
    _needs("PostgreSQL", url.host, url.port or 5432)
    name = f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
    _administer(f'CREATE DATABASE "{name}"')
    yield _on_postgresql(name)
    _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> str:
    """A fresh, migrated database: the test runs once on each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def db(database_url) -> AsyncIterator[Database]:
    """An open handle on `database_url`."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database that no other running test uses."""
    url = sa.make_url(REDIS)
    _needs("Redis", url.host, url.port or 6379)
    with lent(REDIS) as lent_url:
        yield lent_url
