"""The database handle: connections are had from it alone, a block for each transaction.

Most use `read()` or `write()`; the other blocks read, each in its own way. Each is of the task's
business (`isolation`); `across` says that it looks for rows of any, and wants a reason. SQLite runs
in WAL mode with `BEGIN IMMEDIATE` for writers (the default mode loses updates silently) behind an
in-process lock (`fair_lock`), so that writers take turns instead of polling the file lock.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.config.settings import Settings
from app.db.core import changes, driver, isolation
from app.db.core.fair_lock import FairLock
from app.db.core.outage import is_read_only
from app.db.core.pools import postgresql_engine, sqlite_engine
from app.fault_points import Step, reached

_READ_ONLY = sa.text("SELECT current_setting('transaction_read_only')")


@dataclass(frozen=True, slots=True)
class Connections:
    """How many of a process's connections are in use, of how many at most."""

    in_use: int
    most: int


class Database:
    """A pool of connections to one database."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        prepared_statements: bool = True,
        isolated: bool = False,
    ) -> None:
        """Without `prepared_statements`, or where `isolated`, every read is a transaction.

        A pooler may give each of a transaction's ends to another session, but never its middle; and
        whose rows it may see is said for a transaction alone.
        """
        assert not isolated or url.startswith("postgresql")
        self.is_isolated = isolated
        self.url = sa.make_url(url)
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        self.engine: AsyncEngine = (
            postgresql_engine(
                self.url,
                pool_size,
                lambda: self._distrusted_until,
                prepared_statements=prepared_statements,
            )
            if self.is_postgresql
            else sqlite_engine(self.url)
        )
        # Called after each transaction that changes what they wait for.
        self.listeners = changes.Listeners()
        self._distrusted_until = float("-inf")
        self._has_singles = self.is_postgresql and prepared_statements and not isolated
        self._autocommit = self.engine.execution_options(
            **({"isolation_level": "AUTOCOMMIT"} if self._has_singles else {})
        )
        # Exports hold a connection for as long as their rows take: they never get all of them.
        self._exports = asyncio.Semaphore(max(1, pool_size // 2))
        self._writer: AbstractAsyncContextManager[Any] = (
            nullcontext() if self.is_postgresql else FairLock()
        )

    @asynccontextmanager
    async def read(self, *, across: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        async with self._reading(across=across) as connection:
            yield connection

    @asynccontextmanager
    async def autocommit(self, *, across: bool = False) -> AsyncIterator[AsyncConnection]:
        """For a single statement that reads: on PostgreSQL without a transaction.

        A transaction would cost two turns more.
        """
        alone = self._autocommit.connect() if self._has_singles else self.read(across=across)
        async with alone as connection:
            yield connection

    def single(self, *, across: bool = False) -> AbstractAsyncContextManager[driver.Connection]:
        """For single statements by `driver.fetch`: the cheapest way to read a few rows.

        Each statement is of its own moment.
        """
        return driver.single(self.engine) if self._has_singles else self.read(across=across)

    @asynccontextmanager
    async def snapshot(self, *, across: bool = False) -> AsyncIterator[AsyncConnection]:
        """A reading transaction in which every statement sees the same moment."""
        async with self._reading(snapshot=True, across=across) as connection:
            yield connection

    @asynccontextmanager
    async def export(self) -> AsyncIterator[AsyncConnection]:
        """A snapshot for many rows; never held while a caller reads.

        At most half of the connections are in such snapshots.
        """
        async with self._exports, self.snapshot() as connection:
            yield connection

    @asynccontextmanager
    async def write(
        self, step: Step | None = None, *, across: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """A short transaction: committed when the block ends, rolled back when it raises.

        `step` names it to `fault_points`.
        """
        async with self._writer:
            try:
                with changes.notifying(self.listeners):
                    async with self._transaction(across=across) as connection:
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

    def _reading(
        self, *, across: bool, snapshot: bool = False
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        if self.is_postgresql:
            return driver.transaction(self.engine, snapshot=snapshot, also=self._whose(across))
        return self.engine.connect()  # where every transaction is a snapshot

    def _transaction(self, *, across: bool) -> AbstractAsyncContextManager[AsyncConnection]:
        if self.is_postgresql:
            return driver.transaction(self.engine, also=self._whose(across))
        return self._on_sqlite()

    def _whose(self, across: bool) -> str:
        return isolation.as_said(across=across) if self.is_isolated else ""

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

    @property
    def connections(self) -> Connections:
        """Those of this handle's pool now."""
        pool = self.engine.pool
        assert isinstance(pool, sa.pool.QueuePool)
        return Connections(pool.checkedout(), pool.size())

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def database_of(settings: Settings) -> Database:
    """The settings' database; connects to nothing yet."""
    return Database(
        settings.database_url,
        pool_size=settings.database_pool,
        prepared_statements=settings.database_prepared_statements,
        isolated=settings.database_isolation,
    )
