"""API keys: a row holds the hash of a secret; it is revoked, never deleted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.core.driver import Connection, fetch
from app.db.tables import api_keys, businesses


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What may be shown of a key."""

    business_id: str
    prefix: str
    name: str
    scopes: str  # space-separated
    created_at: dt.datetime
    revoked_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """What a key is checked against, and what its caller may know of the business."""

    business_id: str
    secret_hash: str
    name: str
    scopes: str
    revoked_at: dt.datetime | None
    timezone: str
    currency: str


_HELD: Final = (
    sa.select(
        api_keys.c.business_id,
        api_keys.c.secret_hash,
        api_keys.c.name,
        api_keys.c.scopes,
        api_keys.c.revoked_at,
        businesses.c.timezone,
        businesses.c.currency,
    )
    .join(businesses)
    .where(api_keys.c.prefix == sa.bindparam("of_prefix"))
)


async def insert(
    conn: AsyncConnection,
    *,
    key_id: str,
    business_id: str,
    prefix: str,
    secret_hash: str,
    name: str,
    scopes: str,
) -> None:
    """Writes a new key.

    Raises:
        sqlalchemy.exc.IntegrityError: no such business, or the prefix is taken.
    """
    await conn.execute(
        api_keys.insert().values(
            id=key_id,
            business_id=business_id,
            prefix=prefix,
            secret_hash=secret_hash,
            name=name,
            scopes=scopes,
        )
    )


async def find(conn: Connection, prefix: str) -> Held | None:
    """The key with this prefix, in force or revoked."""
    rows = await fetch(conn, _HELD, {"of_prefix": prefix})
    return Held(**rows[0]) if rows else None


async def keys_of_business(conn: AsyncConnection, business_id: str | None) -> Sequence[KeyRow]:
    """The keys of one business, or of every one, oldest first."""
    query = sa.select(
        api_keys.c.business_id,
        api_keys.c.prefix,
        api_keys.c.name,
        api_keys.c.scopes,
        api_keys.c.created_at,
        api_keys.c.revoked_at,
    ).order_by(api_keys.c.business_id, api_keys.c.id)
    if business_id is not None:
        query = query.where(api_keys.c.business_id == business_id)
    return [KeyRow(*row) for row in await conn.execute(query)]


async def revoke(conn: AsyncConnection, prefix: str) -> bool:
    """Revokes a key that is in force; False when there is none."""
    changed = await conn.execute(
        api_keys.update()
        .where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    return changed.rowcount == 1
