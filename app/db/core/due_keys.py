"""Keys for which anything is pending, by one look into an index for each, and how much is due."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import clock

# Of each key, of so many keys: a long backlog is known for one, and costs no more to count.
MAX_COUNTED: Final = 1_000
_MAX_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many rows are due now, and how late the latest is.

    Counted are at most `MAX_COUNTED` of each of the hundred keys that wait longest.
    """

    due: int = 0
    overdue_seconds: float = 0.0


def keys_with_due(key: sa.Column[Any], due_at: sa.Column[Any]) -> sa.CTE:
    """A row `key` for each that some row of the table is pending for; one more holds NULL.

    Args:
        key: the first column of an index of the rows that have a `due_at`.
        due_at: NULL where nothing is pending.
    """
    first = sa.select(key).where(due_at.is_not(None)).order_by(key).limit(1)
    hops = sa.select(first.scalar_subquery().label("key")).cte("hops", recursive=True)
    other = key.table.alias("other")
    other_key = other.c[key.name]
    following = (
        sa.select(other_key)
        .where(other.c[due_at.name].is_not(None), other_key > hops.c.key)
        .order_by(other_key)
        .limit(1)
        .correlate(hops)
        .scalar_subquery()
    )
    return hops.union_all(sa.select(following).where(hops.c.key.is_not(None)))


async def backlog(
    conn: AsyncConnection,
    keys: sa.FromClause,
    is_of: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
    due_at: sa.Column[Any],
) -> Backlog:
    """What is due of these keys, by a look into an index for each.

    Args:
        conn: only read from.
        keys: a row `key` for each; one that is NULL has nothing.
        is_of: whether a row is of this key: with `due_at`, an index of the rows begins so.
        due_at: NULL where nothing is pending.
    """
    # A value, not the function that says it: an index is searched by a value.
    at = await clock(conn)
    now = sa.literal(at, due_at.type)
    first = sa.select(due_at).where(is_of(keys.c.key), due_at.is_not(None)).order_by(due_at)
    first_due_at = first.limit(1).correlate(keys).scalar_subquery()
    each = sa.select(keys.c.key, first_due_at.label("first_due_at")).subquery()
    longest = (
        sa.select(each).where(each.c.first_due_at <= now).order_by(each.c.first_due_at)
    ).limit(_MAX_KEYS)
    counted = longest.subquery("longest")
    is_due = sa.and_(is_of(counted.c.key), due_at <= now)
    some = sa.select(sa.literal(1)).where(is_due).limit(MAX_COUNTED).correlate(counted)
    count = sa.select(sa.func.count()).select_from(some.subquery()).scalar_subquery()
    of_each = sa.select(count.label("due"), counted.c.first_due_at).subquery()
    query = sa.select(
        sa.func.coalesce(sa.func.sum(of_each.c.due), 0),
        sa.func.min(of_each.c.first_due_at, type_=due_at.type),
    )
    due, since = (await conn.execute(query)).one()
    return Backlog(int(due), 0.0 if since is None else (at - since).total_seconds())
