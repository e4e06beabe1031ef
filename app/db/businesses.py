"""Businesses (tenants): every other row belongs to exactly one."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import businesses
from app.errors import NotFound, Problem


@dataclass(frozen=True, slots=True)
class Business:
    """A tenant; `timezone` (IANA) is the one its days are counted in, `currency` is ISO 4217."""

    id: str
    name: str
    timezone: str
    currency: str


async def create(conn: AsyncConnection, id: str, name: str, timezone: str, currency: str) -> Business:  # noqa: A002
    """Insert a business; the caller has checked that zone and currency exist.

    Raises:
        Problem: 409 business-exists, the id is taken.
    """
    row = {"id": id, "name": name, "timezone": timezone, "currency": currency}
    try:
        await conn.execute(sa.insert(businesses).values(row))
    except IntegrityError as error:
        raise Problem(409, "business-exists", "The business exists", f"There is a business {id} already.") from error
    return Business(id, name, timezone, currency)


async def get(conn: AsyncConnection, business_id: str) -> Business:
    """The business of this id.

    Raises:
        NotFound: there is none.
    """
    columns = (businesses.c.id, businesses.c.name, businesses.c.timezone, businesses.c.currency)
    row = (await conn.execute(sa.select(*columns).where(businesses.c.id == business_id))).one_or_none()
    if row is None:
        raise NotFound("business")
    return Business(*row)
