"""SQLite in the event loop's own thread.

The driver's way to a thread and back is most of what a short statement takes. The database,
its file and every statement are those of the service; only nobody else gets a turn meanwhile.
"""

import asyncio
import itertools
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Final

import aiosqlite
import sqlalchemy as sa

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
    """Where runs live: one event loop, and a database for some of them, a business for each.

    Looking through all rows takes longer the more runs have left theirs: so the file is now and
    then a fresh one.
    """

    def __init__(self, runner: asyncio.Runner, template: str) -> None:
        self.run = runner.run
        self.db = Database(f"sqlite+aiosqlite:///{template}")
        self.path = template
        self._template = template
        self._numbers = itertools.count()
        sa.event.listen(self.db.engine.sync_engine, "do_connect", self._connect)
        sa.event.listen(self.db.engine.sync_engine, "connect", _without_waiting_for_the_disk)

    def new_business(self) -> str:
        """A name that nobody has yet."""
        number = next(self._numbers)
        if number % _RUNS_IN_A_FILE == 0:
            self.close()
            before, self.path = self.path, f"{self._template}.{number}"
            shutil.copyfile(self._template, self.path)
            if before != self._template:
                Path(before).unlink()
        return f"studio-{number}"

    def close(self) -> None:
        """Let go of every connection."""
        self.run(self.db.close())

    def _connect(self, _dialect: Any, _record: Any, args: Any, named: Any) -> None:
        named["async_creator_fn"] = lambda _path, **named: _AtOnce(
            lambda: sqlite3.connect(self.path, **named), 64
        )


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    # What is tested is not whether a commit outlives the machine.
    connection.execute("PRAGMA synchronous = OFF")
