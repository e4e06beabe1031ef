"""Businesses (tenants): every other row belongs to exactly one."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import now
from app.db.core.driver import Connection, fetch
from app.db.tables import businesses
from app.domain.nouns.businesses import RegisteredBusiness, Suspension
from app.domain.nouns.schedule import BusinessRow
from app.errors import NotFound, Problem, Suspended

_ONE: Final = sa.select(
    businesses.c.id,
    businesses.c.name,
    businesses.c.timezone,
    businesses.c.currency,
    businesses.c.suspended_at,
    businesses.c.suspended_because,
).where(businesses.c.id == sa.bindparam("of_id"))
_REGISTERED: Final = sa.select(
    businesses.c.id,
    businesses.c.name,
    businesses.c.timezone,
    businesses.c.currency,
    businesses.c.created_at,
    businesses.c.suspended_at,
    businesses.c.suspended_because,
)


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
    return BusinessRow(*list(rows[0].values())[:4])


async def in_service(conn: Connection, business_id: str, *, tells_why: bool = False) -> BusinessRow:
    """The business of this id, for who may see it only while it is not suspended.

    Raises:
        NotFound: there is none.
        Suspended: it is; `tells_why` for callers of its own alone.
    """
    rows = await fetch(conn, _ONE, {"of_id": business_id})
    if not rows:
        raise NotFound("business")
    *fields, suspended_at, because = rows[0].values()
    if suspended_at is not None:
        raise Suspended(because if tells_why else None)
    return BusinessRow(*fields)


async def registered(
    conn: AsyncConnection, business_id: str, *, lock: bool = False
) -> RegisteredBusiness:
    """A business as its operator sees it; `lock` keeps others from changing it.

    Raises:
        NotFound: there is none.
    """
    query = _REGISTERED.where(businesses.c.id == business_id)
    query = query.with_for_update(key_share=True) if lock else query
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise NotFound("business")
    return _registered(*row)


async def page(
    conn: AsyncConnection, *, after: str | None = None, limit: int | None = None
) -> list[RegisteredBusiness]:
    """Businesses in the order of their ids, from the one after `after`; `limit` of None: all."""
    query = _REGISTERED.order_by(businesses.c.id).limit(limit)
    query = query if after is None else query.where(businesses.c.id > after)
    return [_registered(*row) for row in await conn.execute(query)]


async def update(conn: AsyncConnection, business_id: str, changed: Mapping[str, Any]) -> None:
    """Set `name`, `timezone` or `currency`, which the caller has checked."""
    changes.note_schedule(business_id)  # its page says them, too
    statement = sa.update(businesses).where(businesses.c.id == business_id)
    await conn.execute(statement.values(**changed))


async def suspend(conn: AsyncConnection, business_id: str, because: str | None) -> None:
    """Put a business out of service, or in again (None).

    Of one that is out already the reason is replaced, and since when stays.
    """
    changes.note_schedule(business_id)
    since = None if because is None else sa.func.coalesce(businesses.c.suspended_at, now())
    statement = sa.update(businesses).where(businesses.c.id == business_id)
    await conn.execute(statement.values(suspended_at=since, suspended_because=because))


def _registered(
    id: str,  # noqa: A002
    name: str,
    timezone: str,
    currency: str,
    created_at: dt.datetime,
    suspended_at: dt.datetime | None,
    because: str | None,
) -> RegisteredBusiness:
    suspension = None if suspended_at is None else Suspension(suspended_at, because or "")
    return RegisteredBusiness(id, name, timezone, currency, created_at, suspension)


async def hold(conn: AsyncConnection, business_id: str) -> None:
    """Keep everybody else who holds the business out until the transaction ends.

    Whoever writes other rows of it, or reads it, need not wait.
    """
    await conn.execute(
        sa.select(businesses.c.id)
        .where(businesses.c.id == business_id)
        .with_for_update(key_share=True)
    )


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
