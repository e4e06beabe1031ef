"""Where a model's runs live: SQLite in the event loop's own thread, or PostgreSQL.

The driver's way to a thread and back is most of what a short statement takes on SQLite. The
database, its file and every statement are those of the service; only nobody else gets a turn
meanwhile.
"""

import asyncio
import itertools
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Final

import aiosqlite
import sqlalchemy as sa
from integration.model.observers import AS_MODELLED, Observer, OnPostgresql, OnSqlite

from app.db.core.engine import Database

_RUNS_IN_A_FILE: Final = 25


class _Here:
    """Stands where a connection's queue to its thread stands, and runs what is put there."""

    def put_nowait(self, task: Any) -> None:
        future, function = task
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's, as with the thread
            future.set_exception(error)
        else:
            future.set_result(result)


class _AtOnce(aiosqlite.Connection):
    """A connection that has no thread."""

    def __await__(self):
        self._tx = _Here()
        return self._connect().__await__()


class Place:
    """Where runs live: one event loop, a database, and a business for each.

    `observer` looks into it beside the code under test.
    """

    observer: Observer

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.run = runner.run
        self.db = Database(url)
        self._numbers = itertools.count()

    def new_business(self) -> str:
        """A name that nobody has yet."""
        return f"studio-{next(self._numbers)}"

    def close(self) -> None:
        """Let go of every connection."""
        self.observer.close()
        self.run(self.db.close())


class PlaceOnPostgresql(Place):
    """A database of the server's, which all runs share."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        super().__init__(runner, url)
        self.observer = OnPostgresql(self.db.url)
        sa.event.listen(self.db.engine.sync_engine, "connect", _as_modelled)


class PlaceOnSqlite(Place):
    """A file for some of the runs.

    Looking through all rows takes longer the more runs have left theirs: so the file is now and
    then a fresh one.
    """

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        super().__init__(runner, url)
        self.path = self._template = sa.make_url(url).database or ""
        self.observer = OnSqlite(self.path)
        sa.event.listen(self.db.engine.sync_engine, "do_connect", self._connect)
        sa.event.listen(self.db.engine.sync_engine, "connect", _without_waiting_for_the_disk)

    def new_business(self) -> str:
        number = next(self._numbers)
        if number % _RUNS_IN_A_FILE == 0:
            self.close()
            before, self.path = self.path, f"{self._template}.{number}"
            shutil.copyfile(self._template, self.path)
            if before != self._template:
                Path(before).unlink()
            self.observer = OnSqlite(self.path)
        return f"studio-{number}"

    def _connect(self, _dialect: Any, _record: Any, args: Any, named: Any) -> None:
        named["async_creator_fn"] = lambda _path, **named: _AtOnce(
            lambda: sqlite3.connect(self.path, **named), 64
        )


def _as_modelled(connection: Any, _record: Any) -> None:
    connection.cursor().execute(AS_MODELLED)
    connection.cursor().execute("SET synchronous_commit = off")
    connection.commit()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    # What is tested is not whether a commit outlives the machine.
    connection.execute("PRAGMA synchronous = OFF")
