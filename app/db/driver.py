"""The driver's own connection, for the statements that run for every request: SQLAlchemy takes thrice the driver's CPU.

A statement is still written in SQLAlchemy's words, but compiled once, and what it raises is still SQLAlchemy's. Only
PostgreSQL's driver is spoken to: a call of SQLite's is a change of threads, beside which SQLAlchemy is cheap.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[Any, Any]
Statement = sa.Select[Any] | sa.TextClause

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)


@asynccontextmanager
async def transaction(conn: AsyncConnection) -> AsyncIterator[None]:
    """A transaction on PostgreSQL, of a connection in AUTOCOMMIT, which leaves BEGIN and COMMIT to the driver.

    Unless it has surely ended, the connection is closed with it.
    """
    driver = _driver_of(conn)
    ended = False
    try:
        await _told(driver, driver.execute("BEGIN"))
        yield
        await _told(driver, driver.execute("COMMIT"))
        ended = True
    except Exception:
        with suppress(*_ERRORS, OSError):
            await driver.execute("ROLLBACK")
            ended = True
        raise
    finally:
        if not ended:
            await conn.invalidate()


async def fetch(
    conn: AsyncConnection, statement: Statement, given: Mapping[str, Any], *, plan_anew: bool = False
) -> Sequence[Row]:
    """The rows of a statement that is made once and takes these parameters.

    Values come as the driver has them: the statement casts ids to text, and selects no JSON. PostgreSQL may keep one
    plan for all parameters; with `plan_anew`, for one turn more, it makes one for these.

    Raises:
        sqlalchemy.exc.DBAPIError: as from `conn.execute`.
    """
    if conn.dialect.name != "postgresql":
        return (await conn.execute(statement, given)).mappings().all()
    driver, compiled = _driver_of(conn), _compiled(statement)
    answered = False
    try:
        rows: Sequence[Row] = await _told(driver, _asked(driver, compiled, given, plan_anew=plan_anew))
        answered = True
    except Exception:
        answered = not driver.is_closed()
        raise
    finally:
        if not answered:
            await conn.invalidate()
    return rows


async def _asked(driver: Any, compiled: "_Compiled", given: Mapping[str, Any], *, plan_anew: bool) -> Any:
    if plan_anew:
        # Not by the driver's cache of statements: a plan is kept from a statement's sixth use on.
        prepared = await driver.prepare(compiled.text, name="")
        return await prepared.fetch(*compiled.values(given))
    return await driver.fetch(compiled.text, *compiled.values(given))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as the driver takes it, and how each of its parameters is written, in their order."""

    text: str
    parameters: Sequence[tuple[str, Any, Callable[[Any], Any] | None]]  # name, value unless given, what writes it

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        return [
            given.get(name, usual) if write is None else write(given.get(name, usual))
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


def _driver_of(conn: AsyncConnection) -> Any:
    # The same as `get_raw_connection`, without a greenlet of its own for what waits for nothing.
    assert conn.sync_connection is not None
    return conn.sync_connection.connection.driver_connection


async def _told(driver: Any, answer: Awaitable[Any]) -> Any:
    """The driver's answer, with its errors in SQLAlchemy's words."""
    try:
        return await answer
    except _ERRORS as error:
        raise sa.exc.DBAPIError(
            None, None, error, hide_parameters=True, connection_invalidated=driver.is_closed()
        ) from error
