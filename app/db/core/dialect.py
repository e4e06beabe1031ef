"""Where PostgreSQL and SQLite differ, each difference once.

They differ in types, in the database's clock, and in lists as one parameter. Instants are kept by
the database's own clock, so that workers with wrong clocks agree; on SQLite they are text of one
fixed width (`YYYY-MM-DDTHH:MM:SS.mmmZ`), which orders as time does.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.domain.days import instant_text

SQLITE_FORMAT: Final = "%Y-%m-%dT%H:%M:%fZ"


@lru_cache(maxsize=16_384)
def instant_of(kept: str) -> dt.datetime:
    """An instant that a statement cast to text; equal texts give the same value.

    Its hash is then known, too. So a list is read: to make hundreds of datetimes anew, and hash
    each to find what its clocks show, takes longer.
    """
    return dt.datetime.fromisoformat(kept)


class Instant(TypeDecorator[dt.datetime]):
    """A moment: `timestamptz`, or fixed-width text on SQLite. Naive datetimes are refused."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(24))

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value if dialect.name == "postgresql" else instant_text(value)

    def result_processor(
        self,
        dialect: sa.Dialect,
        coltype: object,  # noqa: ARG002 - as it is inherited
    ) -> Callable[[Any], dt.datetime | None] | None:
        # PostgreSQL's driver gives instants in UTC: nothing is left to do, and lists hold hundreds
        # of them.
        return None if dialect.name == "postgresql" else _instant_of


def _instant_of(kept: str | None) -> dt.datetime | None:
    return None if kept is None else dt.datetime.fromisoformat(kept)


class Id(TypeDecorator[str]):
    """A UUID in its text form: `uuid`, or 36 characters on SQLite."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(sa.String(36))


class now(sa.sql.functions.FunctionElement[dt.datetime]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock at this statement (on PostgreSQL not the transaction's start)."""

    type = Instant()
    inherit_cache = True
    name = "now"


@compiles(now, "postgresql")
def _now_postgresql(_element: now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "clock_timestamp()"


@compiles(now, "sqlite")
def _now_sqlite(_element: now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return f"strftime('{SQLITE_FORMAT}', 'now')"


class later(sa.sql.functions.FunctionElement[dt.datetime]):  # noqa: N801
    """`later(seconds)`: the database's clock plus a number of seconds.

    The number is a parameter or a column, and may be fractional.
    """

    type = Instant()
    inherit_cache = True
    name = "later"


@compiles(later, "postgresql")
def _later_postgresql(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => CAST({seconds} AS DOUBLE PRECISION)))"


@compiles(later, "sqlite")
def _later_sqlite(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('{SQLITE_FORMAT}', 'now', CAST({seconds} AS TEXT) || ' seconds')"


class _in_list(sa.sql.functions.FunctionElement[bool]):  # noqa: N801
    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> "_in_list":  # noqa: ARG002 - as it is inherited
        """A comparison, left as it is.

        As a function's value SQLite would be asked for `… = 1`, and search no index.
        """
        return self


@compiles(_in_list, "postgresql")
def _in_list_postgresql(element: _in_list, compiler: SQLCompiler, **kw: Any) -> str:
    # Of an array that a subquery makes the planner supposes ten elements, and looks each up in the
    # index. Of IN (SELECT …) it joins, and without statistics, as during a first import, reads the
    # whole business every time.
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    each = f"json_array_elements_text(CAST({values} AS json))"
    if isinstance(next(iter(element.clauses)).type, Id):
        each += "::uuid"
    return f"{column} = ANY (ARRAY(SELECT {each}))"


@compiles(_in_list, "sqlite")
def _in_list_sqlite(element: _in_list, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled, not text


def in_list(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    """`column IN values` with the whole list as one JSON parameter.

    So one prepared statement is for lists of any length.
    """
    return _in_list(column, sa.literal(bound_list(values), sa.Text()))


def in_bound_list(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """As `in_list`, for a statement that is made once.

    At each use it is given `bound_list(values)` by this name.
    """
    return _in_list(column, sa.bindparam(name, type_=sa.Text()))


def bound_list(values: Iterable[str]) -> str:
    """A list as the one parameter that `in_bound_list` takes."""
    return json.dumps(list(values))


class _is_one_of(sa.sql.functions.FunctionElement[bool]):  # noqa: N801
    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> "_is_one_of":  # noqa: ARG002 - as it is inherited
        """As of `_in_list`."""
        return self


@compiles(_is_one_of, "postgresql")
def _is_one_of_postgresql(element: _is_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY (ARRAY{chosen})"


@compiles(_is_one_of, "sqlite")
def _is_one_of_sqlite(element: _is_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN {chosen}"


def is_one_of(column: sa.ColumnElement[str], chosen: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """`column IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)`, with the subquery run once.

    Of IN PostgreSQL may make a join that runs the subquery for every row, skips what it has locked
    itself, and so takes all there is instead of n.
    """
    return _is_one_of(column, chosen.scalar_subquery())


async def clock(conn: AsyncConnection) -> dt.datetime:
    """The database's clock."""
    value = (await conn.execute(sa.select(now()))).scalar_one()
    assert isinstance(value, dt.datetime)
    return value


def plans_by_values(connection: AsyncConnection) -> bool:
    """Whether the database plans a statement by the values of its parameters.

    It then knows how long a list is.
    """
    return connection.dialect.name == "postgresql"


def rows_of_list(name: str) -> sa.TableValuedAlias:
    """Where `plans_by_values`: the texts of a list parameter as rows, each its `value`."""
    # The database calls the only column as the rows are called.
    return sa.func.unnest(sa.bindparam(name, type_=postgresql.ARRAY(sa.Text))).table_valued(
        "value", name="value"
    )


def insert(connection: AsyncConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may say ON CONFLICT, in this connection's dialect."""
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """The same, for a statement that is made once for each dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
