"""The driver's own connection, for the statements that run for every request.

SQLAlchemy takes thrice the driver's CPU. A statement is still written in SQLAlchemy's words, but
compiled once, and what it raises is still SQLAlchemy's. Only PostgreSQL's driver is spoken to: a
call of SQLite's is a change of threads, beside which SQLAlchemy is cheap.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from app.db.core.outage import DRIVER_ERRORS, is_broken

Row = Mapping[Any, Any]
Statement = sa.Select[Any] | sa.TextClause | sa.UpdateBase

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
# A worker that is stopped inside a transaction must not hold its locks for ever. They go with
# BEGIN, in its round trip: a pooler may refuse them as start-up parameters, and gives each
# transaction another session.
_OF_TRANSACTION: Final = (
    "SET LOCAL idle_in_transaction_session_timeout = 30000; SET LOCAL lock_timeout = 20000; "
    "SET LOCAL statement_timeout = 300000; SET LOCAL jit = off"
)


class Single:
    """A connection of the pool for single statements by `fetch`.

    SQLAlchemy's own takes thrice the CPU to be had.
    """

    def __init__(self, dialect: sa.Dialect, pooled: sa.PoolProxiedConnection) -> None:
        self.dialect = dialect
        self.pooled = pooled

    async def invalidate(self) -> None:
        """Close it: whoever gives it back gives back nothing."""
        self.pooled.invalidate()


Connection = AsyncConnection | Single


@asynccontextmanager
async def single(engine: AsyncEngine) -> AsyncIterator[Single]:
    """Borrow one from PostgreSQL's pool, which this adds no connection to.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError: as from `engine.connect()`.
    """
    pooled = await _borrowed(engine)
    try:
        yield Single(engine.dialect, pooled)
    finally:
        pooled.close()


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, *, snapshot: bool = False, also: str = ""
) -> AsyncIterator[AsyncConnection]:
    """A transaction on PostgreSQL, for statements of both: BEGIN and COMMIT are the driver's.

    In a `snapshot` every statement sees the same moment. `also` is said with BEGIN, in the same
    turn: one of its own would cost a third of a short transaction. Unless it has surely ended, the
    connection is closed with it; so is one whose driver has lost its place.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError: as from `engine.begin()`.
    """
    pooled = await _borrowed(engine)
    adapted: Any = pooled.dbapi_connection
    adapted.autocommit = True  # as long as SQLAlchemy has it: what it says then is within our BEGIN
    begun = sa.Connection(engine.sync_engine, pooled)
    # Asks nothing, but keeps SQLAlchemy from going on by another connection when this one is lost.
    begun.begin()
    conn = AsyncConnection(engine, begun)
    driver: Any = pooled.driver_connection
    ended = False
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ" if snapshot else "BEGIN"
    try:
        await _translate_errors(driver, driver.execute(f"{begin}; {_OF_TRANSACTION}; {also}"))
        yield conn
        await _translate_errors(driver, driver.execute("COMMIT"))
        ended = True
    except Exception as error:
        with suppress(*DRIVER_ERRORS, OSError):
            await driver.execute("ROLLBACK")
            ended = not is_broken(error)
        raise
    finally:
        try:
            if not ended:
                await conn.invalidate()
        finally:
            adapted.autocommit = False
            begun.close()


async def _borrowed(engine: AsyncEngine) -> sa.PoolProxiedConnection:
    """One of the pool's connections.

    SQLAlchemy's `connect()` takes ten times the CPU to wrap it.
    """
    dialect = engine.dialect
    try:
        return await greenlet_spawn(engine.sync_engine.raw_connection)
    except dialect.loaded_dbapi.Error as error:
        raise sa.exc.DBAPIError(None, None, error, hide_parameters=True) from error


async def fetch(
    conn: Connection,
    statement: Statement,
    parameters: Mapping[str, Any],
    *,
    plan_anew: bool = False,
) -> Sequence[Row]:
    """The rows of a statement that is made once and takes these parameters.

    Values come as the driver has them: the statement casts ids to text; JSON is read on PostgreSQL,
    and text on SQLite. PostgreSQL may keep one plan for all parameters; with `plan_anew`, for one
    turn more, it makes one for these.

    Raises:
        sqlalchemy.exc.DBAPIError: as from `conn.execute`.
    """
    if isinstance(conn, AsyncConnection) and conn.dialect.name != "postgresql":
        return (await conn.execute(statement, parameters)).mappings().all()
    driver, compiled = _driver_of(conn), _compiled(statement)
    answered = False
    try:
        rows: Sequence[Row] = await _translate_errors(
            driver, _execute(driver, compiled, parameters, plan_anew=plan_anew)
        )
        answered = True
    except Exception as error:
        answered = not driver.is_closed() and not is_broken(error)
        raise
    finally:
        if not answered:
            await conn.invalidate()
    return rows


async def _execute(
    driver: Any, compiled: "_Compiled", parameters: Mapping[str, Any], *, plan_anew: bool
) -> Any:
    if plan_anew:
        # Not by the driver's cache of statements: a plan is kept from a statement's sixth use on.
        prepared = await driver.prepare(compiled.text, name="")
        return await prepared.fetch(*compiled.values(parameters))
    return await driver.fetch(compiled.text, *compiled.values(parameters))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as the driver takes it, and how its parameters are written."""

    text: str
    # Of each, in the statement's order: its name, its value unless given, and what writes it.
    parameters: Sequence[tuple[str, Any, Callable[[Any], Any] | None]]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        return [
            parameters.get(name, usual) if write is None else write(parameters.get(name, usual))
            for name, usual, write in self.parameters
        ]


@cache
def _compiled(statement: Statement) -> _Compiled:
    compiled = statement.compile(dialect=_DIALECT)
    assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
    assert not compiled.post_compile_params
    parameters = []
    for name in compiled.positiontup or ():
        kind = compiled.binds[name].type.dialect_impl(_DIALECT)
        parameters.append((name, compiled.params[name], kind.bind_processor(_DIALECT)))
    return _Compiled(compiled.string, parameters)


def _driver_of(conn: Connection) -> Any:
    if isinstance(conn, Single):
        return conn.pooled.driver_connection
    # The same as `get_raw_connection`, without a greenlet of its own for what waits for nothing.
    assert conn.sync_connection is not None
    return conn.sync_connection.connection.driver_connection


async def _translate_errors(driver: Any, answer: Awaitable[Any]) -> Any:
    """The driver's answer, with its errors in SQLAlchemy's words."""
    try:
        return await answer
    except DRIVER_ERRORS as error:
        raise sa.exc.DBAPIError(
            None, None, error, hide_parameters=True, connection_invalidated=driver.is_closed()
        ) from error
