"""Many rows written in one statement, in what each database is fastest at.

That is arrays on PostgreSQL, and a prepared statement on SQLite. A row whose key is taken is
replaced where the caller names columns to replace, and left alone where not. Rows are sent in the
order given: callers sort them by key, so that two writers of the same rows queue instead of
deadlocking.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

New = sa.ColumnCollection[str, sa.ColumnElement[Any]]
Also = Callable[[New], dict[str, sa.ColumnElement[Any]]]


async def insert_many(
    conn: AsyncConnection,
    table: sa.Table,
    constants: Mapping[str, Any],
    columns: Sequence[str],
    rows: Collection[Sequence[Any]],
    *,
    replacing: Sequence[str] = (),
    also: Also | None = None,
) -> int:
    """Insert `rows`, each with the `constants`; answers how many were written.

    A row has the values of `columns`, in their order. With `replacing`, those columns of a row that
    is there already are replaced, and those that `also` names are set to what it makes of the new
    values; without, such a row is left as it is and not counted.
    """
    if not rows:
        return 0
    postgresql = conn.dialect.name == "postgresql"
    shape = (table, tuple(constants), tuple(columns), tuple(replacing), also)
    if postgresql:
        arrays = dict(
            zip(
                (f"{column}_" for column in columns),
                map(list, zip(*rows, strict=True)),
                strict=True,
            )
        )
        result = await conn.execute(_from_arrays(*shape), {**constants, **arrays})
    else:
        each = [{**constants, **dict(zip(columns, row, strict=True))} for row in rows]
        result = await conn.execute(_row_by_row(*shape), each)
    return result.rowcount


def _set(new: New, replacing: Sequence[str], also: Also | None) -> dict[str, sa.ColumnElement[Any]]:
    return {name: new[name] for name in replacing} | (also(new) if also is not None else {})


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


@lru_cache(maxsize=64)
def _from_arrays(
    table: sa.Table,
    constants: tuple[str, ...],
    columns: tuple[str, ...],
    replacing: tuple[str, ...],
    also: Also | None,
) -> sa.Insert:
    given = (
        sa.func.unnest(
            *(sa.bindparam(f"{name}_", type_=ARRAY(table.c[name].type)) for name in columns)
        )
        .table_valued(*(sa.column(name, table.c[name].type) for name in columns), name="given")
        .render_derived()
    )
    chosen = sa.select(
        *(sa.bindparam(name, type_=table.c[name].type).label(name) for name in constants),
        *(given.c[name] for name in columns),
    )
    statement = postgresql_insert(table).from_select([*constants, *columns], chosen)
    if not replacing:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(
        index_elements=_key(table), set_=_set(statement.excluded, replacing, also)
    )


@lru_cache(maxsize=64)
def _row_by_row(
    table: sa.Table,
    _constants: tuple[str, ...],
    _columns: tuple[str, ...],
    replacing: tuple[str, ...],
    also: Also | None,
) -> sa.Insert:
    statement = sqlite_insert(table)
    if not replacing:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(
        index_elements=_key(table), set_=_set(statement.excluded, replacing, also)
    )
