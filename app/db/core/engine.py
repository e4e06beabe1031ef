"""The database handle: connections are had from it alone, a block for each transaction.

Most use `read()` or `write()`; the other blocks read, each in its own way. SQLite runs in WAL mode
with `BEGIN IMMEDIATE` for writers (the default mode loses updates silently) behind an in-process
lock (`fair_lock`), so that writers take turns instead of polling the file lock.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.db.core import changes, driver
from app.db.core.fair_lock import FairLock
from app.db.core.outage import is_read_only
from app.domain.money import major_units
from app.domain.refund_ids import refund_id
from app.domain.texts.sheet_text import csv_cell
from app.fault_points import Step, reached

# A worker that is stopped inside a transaction must not hold its locks for ever.
_POSTGRES_SETTINGS = {
    "application_name": "bulk-cancel",
    "idle_in_transaction_session_timeout": "30000",
    "lock_timeout": "20000",
    "statement_timeout": "300000",
    "timezone": "UTC",
    "datestyle": "ISO",
    "jit": "off",
}
_READ_ONLY = sa.text("SELECT current_setting('transaction_read_only')")
_CONNECTED_AT = "bulk_cancel_connected_at"
_IDLE_SINCE = "bulk_cancel_idle_since"
# A connection that has been idle for longer is asked whether it still answers.
_TRUSTED_IDLE_SECONDS = 1.0


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = sa.make_url(url)
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        self.engine: AsyncEngine = (
            _postgresql(self.url, pool_size, lambda: self._distrusted_until)
            if self.is_postgresql
            else _sqlite(self.url)
        )
        # Called after each transaction that changes what they wait for.
        self.listeners = changes.Listeners()
        self._distrusted_until = float("-inf")
        self._autocommit = self.engine
        if self.is_postgresql:
            self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # Exports hold a connection for as long as their rows take: they never get all of them.
        self._exports = asyncio.Semaphore(max(1, pool_size // 2))
        self._writer: AbstractAsyncContextManager[Any] = (
            nullcontext() if self.is_postgresql else FairLock()
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement that reads: on PostgreSQL without a transaction.

        A transaction would cost two turns more.
        """
        async with self._autocommit.connect() as connection:
            yield connection

    def single(self) -> AbstractAsyncContextManager[driver.Connection]:
        """For single statements by `driver.fetch`: the cheapest way to read a few rows.

        Each statement is of its own moment.
        """
        return driver.single(self.engine) if self.is_postgresql else self.read()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A reading transaction in which every statement sees the same moment."""
        async with self.engine.connect() as connection:
            if self.is_postgresql:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @asynccontextmanager
    async def export(self) -> AsyncIterator[AsyncConnection]:
        """A snapshot for many rows; never held while a caller reads.

        At most half of the connections are in such snapshots.
        """
        async with self._exports, self.snapshot() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, step: Step | None = None) -> AsyncIterator[AsyncConnection]:
        """A short transaction: committed when the block ends, rolled back when it raises.

        `step` names it to `fault_points`.
        """
        async with self._writer:
            try:
                with changes.notifying(self.listeners):
                    async with self._transaction() as connection:
                        yield connection
                        if step is not None:
                            reached(f"{step}.before_commit")
            except Exception as error:
                if is_read_only(error):
                    self._distrust()
                raise
        if step is not None:
            reached(f"{step}.committed")

    @asynccontextmanager
    async def _on_sqlite(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            await connection.execution_options(bulk_cancel_begin="IMMEDIATE")
            async with connection.begin():
                yield connection

    def _transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return driver.transaction(self.engine) if self.is_postgresql else self._on_sqlite()

    async def is_writable(self) -> bool:
        """Whether a new transaction could write.

        None could on a standby, nor in a database that was made read-only. A connection that can't
        is given up with all others of its age, and one more is asked.

        Raises:
            sqlalchemy.exc.DBAPIError, OSError: the database can't be reached.
        """
        if not self.is_postgresql:
            return True
        for _ in range(2):
            async with self.read() as connection:
                if await connection.scalar(_READ_ONLY) == "off":
                    return True
                self._distrust()
        return False

    def _distrust(self) -> None:
        """Give up every connection made until now, each when it is asked for next."""
        self._distrusted_until = time.monotonic()

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def _postgresql(url: sa.URL, pool_size: int, distrusted_until: Callable[[], float]) -> AsyncEngine:
    """An engine whose pool gives nobody a connection that is dead or distrusted.

    Distrusted is one that was made until `distrusted_until()`.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # they hold names and e-mails, and tracebacks are logged
        json_deserializer=orjson.loads,
        connect_args={"server_settings": _POSTGRES_SETTINGS, "timeout": 10},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _on_connect(_connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info[_CONNECTED_AT] = time.monotonic()

    # Instead of the pool's own ping before each use, which would be one round trip in three of a
    # busy worker.
    @sa.event.listens_for(engine.sync_engine, "checkin")
    def _on_checkin(_connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def _on_checkout(connection: Any, record: sa.pool.ConnectionPoolEntry, _proxy: Any) -> None:
        # Not one that was made for this very use, or with many at once the pool would make and give
        # up by turns.
        is_old = record.info.get(_IDLE_SINCE) is not None
        if is_old and record.info[_CONNECTED_AT] <= distrusted_until():
            raise sa.exc.DisconnectionError  # the pool then connects anew
        idle_seconds = time.monotonic() - record.info.get(_IDLE_SINCE, time.monotonic())
        if idle_seconds > _TRUSTED_IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except Exception as error:
                # The pool then connects anew, and so for all its others.
                raise sa.exc.InvalidatePoolError from error

    return engine


def _sqlite(url: sa.URL) -> AsyncEngine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, pool_size=8, max_overflow=8, hide_parameters=True)

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN is deferred and late; ours (below) says what it means.
        connection.isolation_level = None
        connection.create_function("refund_id", 5, refund_id, deterministic=True)
        connection.create_function("csv_cell", 1, csv_cell, deterministic=True)
        connection.create_function("major_units", 2, _major_units_or_null, deterministic=True)
        connection.create_function("share_of", 3, _share_or_null, deterministic=True)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=30000",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("bulk_cancel_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _major_units_or_null(amount_minor: int | None, currency: str | None) -> str | None:
    return None if amount_minor is None or currency is None else major_units(amount_minor, currency)


def _share_or_null(fee: int | None, part: int | None, whole: int | None) -> int | None:
    """In Python, whose integers are of any size; see `db.terms.owed_lines`."""
    return fee * part // whole if fee is not None and part is not None and whole else None
