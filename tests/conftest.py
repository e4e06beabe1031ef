"""What every test may ask for: a fresh, migrated database of each kind, and a Redis of its own.

Where PostgreSQL or Redis is missing, the tests that need it are skipped and the run's last lines say so; with CI=true
in the environment a missing service fails them.
"""

import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgresql_databases import Databases, administer, in_a_thread
from redis_databases import lent

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


def _needs_postgresql() -> None:
    url = sa.make_url(POSTGRESQL)
    _needs("PostgreSQL", url.host, url.port or 5432)


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


def _on_postgresql(database: str) -> str:
    return sa.make_url(POSTGRESQL).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgresql_databases() -> Iterator[Databases]:
    databases = Databases(POSTGRESQL)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def _postgresql_template(_postgresql_databases) -> str:
    return _postgresql_databases.template


@pytest.fixture
def sqlite_url(_sqlite_template, tmp_path) -> str:
    """A fresh, migrated SQLite file."""
    path = tmp_path / "bulk-cancel.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgresql_url(request) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    _needs_postgresql()
    databases = request.getfixturevalue("_postgresql_databases")
    url = databases.lend()
    yield url
    databases.take_back(url)


@pytest.fixture
def empty_postgresql_url() -> Iterator[str]:
    """A PostgreSQL database with nothing in it, dropped afterwards."""
    _needs_postgresql()
    name = f"bulk_cancel_test_{uuid.uuid4().hex[:12]}"
    in_a_thread(administer(POSTGRESQL, f'CREATE DATABASE "{name}"'))
    yield _on_postgresql(name)
    in_a_thread(administer(POSTGRESQL, f'DROP DATABASE "{name}" WITH (FORCE)'))


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
