"""Keys that stand above businesses: a row holds a secret's hash; it is revoked, never deleted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.core.driver import Connection, fetch
from app.db.tables import platform_keys
from app.domain.nouns.keys import PlatformKeyRow


@dataclass(frozen=True, slots=True)
class HeldByOperator:
    """What a key of the platform is checked against; `read_at` is by the database's clock."""

    secret_hash: str
    name: str
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    read_at: dt.datetime


_HELD: Final = sa.select(
    platform_keys.c.secret_hash,
    platform_keys.c.name,
    platform_keys.c.expires_at,
    platform_keys.c.revoked_at,
    now().label("read_at"),
).where(platform_keys.c.prefix == sa.bindparam("of_prefix"))
_SHOWN: Final = sa.select(
    sa.cast(platform_keys.c.id, sa.Text).label("id"),
    platform_keys.c.prefix,
    platform_keys.c.name,
    platform_keys.c.created_at,
    platform_keys.c.expires_at,
    sa.func.coalesce(platform_keys.c.expires_at <= now(), sa.false()).label("is_expired"),
    platform_keys.c.revoked_at,
)


async def insert(conn: AsyncConnection, **values: Any) -> None:
    """Write a new key.

    Raises:
        sqlalchemy.exc.IntegrityError: the prefix is taken.
    """
    await conn.execute(platform_keys.insert().values(**values))


async def find(conn: Connection, prefix: str) -> HeldByOperator | None:
    """The key with this prefix, in force or not."""
    rows = await fetch(conn, _HELD, {"of_prefix": prefix})
    return HeldByOperator(**rows[0]) if rows else None


async def oldest(conn: AsyncConnection) -> Sequence[PlatformKeyRow]:
    """All of them, the oldest first."""
    rows = await conn.execute(_SHOWN.order_by(platform_keys.c.id))
    return [PlatformKeyRow(*row) for row in rows]


async def revoke(conn: AsyncConnection, prefix: str) -> bool:
    """Revoke a key that is not revoked; False when there is none."""
    changed = await conn.execute(
        platform_keys.update()
        .where(platform_keys.c.prefix == prefix, platform_keys.c.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    return changed.rowcount == 1
