"""The keys for which anything is pending, by one look into an index for each."""

from typing import Any

import sqlalchemy as sa


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
