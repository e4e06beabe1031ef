"""The rate of each account as its workers learnt it, a row each.

So they go by one rate, as long as it is young. Whoever publishes holds the row for one short
transaction; its instants are by the database's clock.
"""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import insert, now
from app.db.tables import call_rates


class Row(NamedTuple):
    """What is kept; instants are seconds since 1970."""

    version: int
    published_at: float  # the column is still `told_at`: older builds run beside this one
    state: str  # JSON: the rate, which this layer doesn't read
    awake: Mapping[str, float]


async def read(conn: AsyncConnection, account: str) -> tuple[Row | None, float]:
    """The account's row, if it has one, and what time the database has."""
    mine = call_rates.c.account == account
    query = sa.select(now().label("clock"), call_rates).select_from(
        _ONE.outerjoin(call_rates, mine)
    )
    found = (await conn.execute(query)).mappings().one()
    clock = found["clock"].timestamp()
    return (None if found["account"] is None else _row(found)), clock


async def lock(conn: AsyncConnection, account: str) -> tuple[Row | None, float]:
    """The same, and nobody else may publish until the transaction ends.

    A row that is new is made by `write`.
    """
    query = sa.select(call_rates).where(call_rates.c.account == account).with_for_update()
    found = (await conn.execute(query)).mappings().one_or_none()
    # Asked after the lock: a statement that has waited for the row is older than what it then
    # finds.
    clock = (await conn.execute(sa.select(now()))).scalar_one()
    return (None if found is None else _row(found)), clock.timestamp()


async def write(
    conn: AsyncConnection, account: str, row: Row, *, phase: str, per_second: float | None
) -> bool:
    """Keep this row instead of the one before.

    False: it was to be the first, and another was before it.

    Args:
        conn: in the transaction that has locked the row.
        account: whose calls the upstream counts together.
        row: what to keep.
        phase: of the rate, for those who look at the table.
        per_second: the rate that was measured last, for the same.
    """
    values = {
        "version": row.version,
        "told_at": dt.datetime.fromtimestamp(row.published_at, dt.UTC),
        "phase": phase,
        "per_second": per_second,
        "state": row.state,
        "awake": orjson.dumps(dict(row.awake)).decode(),
    }
    if row.version:
        changed = await conn.execute(
            sa.update(call_rates).where(call_rates.c.account == account).values(**values)
        )
    else:
        changed = await conn.execute(
            insert(conn, call_rates).values(account=account, **values).on_conflict_do_nothing()
        )
    return bool(changed.rowcount)


_ONE = sa.select(sa.literal(1)).subquery("one")


def _row(found: sa.RowMapping) -> Row:
    return Row(
        found["version"], found["told_at"].timestamp(), found["state"], orjson.loads(found["awake"])
    )
