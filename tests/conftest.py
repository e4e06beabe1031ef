"""What every test may ask for: a fresh, migrated database of each kind, and a Redis of its own.

Where PostgreSQL or Redis is missing, the tests that need it are skipped and the run's last lines
say so; with CI=true in the environment a missing service fails them.
"""

import gc
import os
import shutil
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import compiled_once
import httpx
import hypothesis
import matrices
import pytest
import sqlalchemy as sa
import structlog
from crash.processes import Town, Zygote
from postgresql_databases import Databases, administer, in_a_thread
from redis_databases import lent
from worlds.patience import PATIENCE_SECONDS

from app.cli import main
from app.config.environment import settings
from app.db.core.engine import Database
from app.db.schema import migrate
from app.telemetry import configure_logging

# What takes longest comes first, so that no process is left with it in the end; and of the fault
# tests, which wait, one file comes to every two that compute.
LONGEST = (
    "test_generators.py",
    "test_benchmarks.py",
    "test_integrating.py",
    "test_schemathesis.py",
    "test_whole_city.py",
    "test_model.py",
    "test_model_of_legs.py",
    "test_times.py",
    "test_every_currency.py",
    "test_zone_rules.py",
    "test_trouble.py",
    "test_client.py",
    "test_access.py",
    "test_every_route.py",
    "test_invariants.py",
    "test_lost_answers.py",
    "test_settings.py",
    "test_choices.py",
    "test_tabs.py",
    "test_choose.py",
    "test_terms.py",
    "test_weight.py",
    "test_screens.py",
    "test_reconciles.py",
    "test_clients.py",
    "test_cli.py",
    "test_choosing.py",
    "test_nobody_is_starved.py",
    "test_bonus.py",
    "test_amend.py",
    "test_document.py",
    "test_told_clients.py",
    "test_states.py",
    "test_exceptions.py",
    "test_stripe_hooks.py",
    "test_deliveries.py",
    "test_cli_accounts.py",
    "test_silent_readers.py",
    "test_hooks_of_forms.py",
    "test_plans.py",
    "test_check.py",
    "test_told.py",
)
MAX_FAULTS = (
    "test_fault_points.py",
    "test_random_kills.py",
    "test_webhooks.py",
    "test_leg_points.py",
    "test_outages.py",
    "test_fault_matrix.py",
    "test_hooks.py",
    "test_fairness.py",
    "test_hard_judge.py",
    "test_pauses.py",
    "test_messages_by_opensmtpd.py",
    "test_messages.py",
    "test_webhook_workers.py",
)
POSTGRESQL = os.environ.get(
    "TEST_DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
)
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
    # Processes that tests start keep compiled modules, whatever the environment says: compiling
    # takes most of a start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # With `-p no:cacheprovider` there is no cache.
    if (cache := getattr(config, "cache", None)) is not None:
        os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("compiled"))
    # Plain lines; structlog's own default prints every local variable of a traceback, which takes
    # seconds.
    configure_logging(json_lines=True, level="info")
    compiled_once.share()
    # Neither gives up on a loaded machine: httpx after five seconds, Hypothesis after a fifth.
    # The product says its own patience with each call.
    for of in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, of, PATIENCE_SECONDS)
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


def pytest_collection_finish():
    """Modules and tests stay: the collector need not walk them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark before marks choose; put in order what was chosen."""
    matrices.shorten(items)
    yield
    _put_in_order(items)


def _put_in_order(items):
    """Order the files so that processes that work side by side all end at about the same time."""
    files = dict.fromkeys(item.path for item in items)
    places = {}
    for is_fault, longest, step in ((True, MAX_FAULTS, 3.0), (False, LONGEST, 1.5)):
        mine = [path for path in files if (path.parent.name == "crash") is is_fault]
        mine.sort(
            key=lambda path, longest=longest: (
                longest.index(path.name) if path.name in longest else len(longest)
            )
        )
        places |= {path: place * step for place, path in enumerate(mine)}
    items.sort(key=lambda item: places[item.path])


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


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """What processes of this service are forked from, each in milliseconds."""
    one = Zygote()
    yield one
    one.close()


@pytest.fixture
def found_towns(zygote, tmp_path):
    """Found towns: `found_towns(database_url, **settings)`; their processes end with the test."""
    towns = []

    def found(database_url: str, **settings) -> Town:
        folder = tmp_path / f"town{len(towns)}"
        folder.mkdir()
        towns.append(Town(zygote, folder, database_url, **settings))
        return towns[-1]

    yield found
    for town in towns:
        town.close()


@pytest.fixture
def _logs_as_before() -> Iterator[None]:
    """Put logging back: commands set it up anew, to a stream that the test's capturing closes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def command_line(
    _logs_as_before, monkeypatch, capsys, tmp_path
) -> Iterator[Callable[..., tuple[int, list[str]]]]:
    """Runs a command in this process with these settings alone; gives its exit code and lines."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("BULK_CANCEL_")]:
        monkeypatch.delenv(name)

    def run(*command: str, **variables: str) -> tuple[int, list[str]]:
        with monkeypatch.context() as at_first:
            for name, value in variables.items():
                at_first.setenv(f"BULK_CANCEL_{name.upper()}", value)
            at_first.setattr(sys, "argv", ["bulk-cancel", *command])
            settings.cache_clear()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        assert out == ""
        return ended.value.code, err.splitlines()

    yield run
    settings.cache_clear()
