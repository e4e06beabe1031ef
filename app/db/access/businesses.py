"""Businesses (tenants): every other row belongs to exactly one."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.driver import Connection, fetch
from app.db.tables import businesses
from app.domain.nouns.schedule import BusinessRow
from app.errors import NotFound, Problem

_ONE: Final = sa.select(
    businesses.c.id, businesses.c.name, businesses.c.timezone, businesses.c.currency
).where(businesses.c.id == sa.bindparam("of_id"))


async def create(
    conn: AsyncConnection,
    id: str,  # noqa: A002
    name: str,
    timezone: str,
    currency: str,
) -> BusinessRow:
    """Insert a business; the caller has checked that zone and currency exist.

    Raises:
        Problem: 409 business-exists, the id is taken.
    """
    row = {"id": id, "name": name, "timezone": timezone, "currency": currency}
    try:
        await conn.execute(sa.insert(businesses).values(row))
    except IntegrityError as error:
        raise Problem(
            409, "business-exists", "The business exists", f"There is a business {id} already."
        ) from error
    return BusinessRow(id, name, timezone, currency)


async def get(conn: Connection, business_id: str) -> BusinessRow:
    """The business of this id.

    Raises:
        NotFound: there is none.
    """
    rows = await fetch(conn, _ONE, {"of_id": business_id})
    if not rows:
        raise NotFound("business")
    return BusinessRow(*rows[0].values())


async def credits_per_line(conn: AsyncConnection, business_id: str) -> int:
    """The most credits that one payment line of a booking may have.

    Raises:
        NotFound: there is no such business.
    """
    limit = await conn.scalar(
        sa.select(businesses.c.credits_per_line).where(businesses.c.id == business_id)
    )
    if limit is None:
        raise NotFound("business")
    return int(limit)


async def limit_credits_per_line(conn: AsyncConnection, business_id: str, limit: int) -> None:
    """Take no more than so many credits a line from now on (1 to 10**9).

    Lines that have more already stay as they are.
    """
    statement = sa.update(businesses).where(businesses.c.id == business_id)
    await conn.execute(statement.values(credits_per_line=limit))
