"""What looks into a run's database beside the code under test, on either kind.

A connection of its own, with plain SQL whose marks are `?`. Rows are the same wherever they come
from: ids and instants are text, and what is said of them is what SQL says, not our own code.
"""

import asyncio
import datetime as dt
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

import asyncpg
import sqlalchemy as sa

Row = dict[str, Any]
_AS_TEXT: Final = ("uuid", "timestamptz")
# Runs take so long on PostgreSQL that what is due would depend on how busy the machine is. So its
# clock stands still, but for a microsecond a transaction and a millisecond a job (their ids are in
# the order of their milliseconds), and only the model lets time pass.
_STILL: Final = """CREATE FUNCTION model.{name}() RETURNS timestamptz STABLE LANGUAGE sql AS $$
  SELECT at + pg_current_xact_id()::text::bigint * interval '1 microsecond' FROM model.moment $$"""
_CLOCKS: Final = ("clock_timestamp", "statement_timestamp")
AS_MODELLED: Final = "SET search_path = model, pg_catalog, public"


class Observer(Protocol):
    """One connection."""

    older: str  # an instant that is `?` seconds before the one of this name

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What a query reads."""

    def write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        """Run each statement with each of its rows, in one transaction."""

    def tick(self) -> None:
        """Let the database's clock go on by a millisecond."""

    def now(self) -> dt.datetime:
        """What the database's clock says."""

    def close(self) -> None:
        """Let go of it."""


class OnSqlite:
    """Of a SQLite file."""

    older = "strftime('%Y-%m-%dT%H:%M:%fZ', {name}, -? || ' seconds')"

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.execute("PRAGMA synchronous = OFF")

    def rows(self, query: str, *values: Any) -> list[Row]:
        return [dict(row) for row in self._db.execute(query, values)]

    def write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for statement, rows in statements:
            self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def tick(self) -> None:
        time.sleep(0.001)

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def close(self) -> None:
        self._db.close()


class OnPostgresql:
    """Of a PostgreSQL database, in a loop of its own: in the model's one may be running."""

    older = "{name} - ?::float8 * interval '1 second'"

    def __init__(self, url: sa.URL) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._db = self._wait(self._connect(url))

    def rows(self, query: str, *values: Any) -> list[Row]:
        return [dict(row) for row in self._wait(self._db.fetch(_numbered(query), *values))]

    def write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        self._wait(self._write(statements))

    def tick(self) -> None:
        later = "UPDATE model.moment SET at = at + interval '1 millisecond'"
        self._wait(self._db.execute(later))

    def now(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self._wait(self._db.fetchval("SELECT clock_timestamp()")))

    def close(self) -> None:
        self._wait(self._db.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, url: sa.URL) -> asyncpg.Connection:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        settings = {"timezone": "UTC", "synchronous_commit": "off"}
        db = await asyncpg.connect(plain, server_settings=settings)
        await db.execute("CREATE SCHEMA model")
        await db.execute("CREATE TABLE model.moment AS SELECT clock_timestamp() AS at")
        for name in _CLOCKS:
            await db.execute(_STILL.format(name=name))
        await db.execute(AS_MODELLED)
        for name in _AS_TEXT:
            await db.set_type_codec(
                name, schema="pg_catalog", encoder=str, decoder=str, format="text"
            )
        return db

    async def _write(self, statements: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
        async with self._db.transaction():
            for statement, rows in statements:
                await self._db.executemany(_numbered(statement), rows)

    def _wait(self, work: Any) -> Any:
        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()


def _numbered(statement: str) -> str:
    """`? … ?` → `$1 … $2`, as PostgreSQL has its marks."""
    first, *others = statement.split("?")
    return first + "".join(f"${number}{other}" for number, other in enumerate(others, 1))
