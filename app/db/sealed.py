"""Everything in the database that is sealed, so that it can all be sealed anew when the operator's key is changed."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses
from app.db.webhook_tables import webhook_endpoints

_KEPT: Final = (
    (webhook_endpoints, webhook_endpoints.c.secret),
    (webhook_endpoints, webhook_endpoints.c.previous_secret),
    (businesses, businesses.c.stripe_key_sealed),
)


def places() -> Iterator[tuple[sa.Table, sa.Column[str]]]:
    """The columns that hold seals."""
    yield from _KEPT


async def page(
    conn: AsyncConnection, table: sa.Table, column: sa.Column[str], *, after: str, limit: int
) -> list[tuple[str, str]]:
    """Ids and seals of a column, in the order of ids, from the one after `after` (none: a nil id or an empty text)."""
    query = sa.select(table.c.id, column).where(table.c.id > after, column.is_not(None))
    return [(row[0], row[1]) for row in await conn.execute(query.order_by(table.c.id).limit(limit))]


async def replace(
    conn: AsyncConnection, table: sa.Table, column: sa.Column[str], row_id: str, before: str, now: str
) -> None:
    """Put another seal in the place of one, unless somebody has put theirs there meanwhile."""
    await conn.execute(sa.update(table).where(table.c.id == row_id, column == before).values({column: now}))
