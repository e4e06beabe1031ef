"""API keys: a row holds the hash of a secret; it is revoked, never deleted."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, is_one_of, later, now
from app.db.core.driver import Connection, fetch
from app.db.tables import api_keys, businesses, old_key_secrets
from app.domain.nouns.keys import KeyRow


@dataclass(frozen=True, slots=True)
class Held:
    """What a key is checked against, and what its caller may know of the business.

    Attributes:
        old_secret_ends_at: when the secret that was shown ends, or ended, where it is one from
            before the current one.
        read_at: the database's clock.
    """

    business_id: str
    secret_hash: str
    old_secret_ends_at: dt.datetime | None
    name: str
    role: str | None
    scopes: str
    locations: str | None
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    read_at: dt.datetime
    timezone: str
    currency: str
    suspended_at: dt.datetime | None
    suspended_because: str | None


_OLD: Final = old_key_secrets.c
_WHOSE: Final = sa.select(api_keys.c.business_id).where(api_keys.c.prefix == sa.bindparam("shown"))
_HELD: Final = (
    sa.select(
        api_keys.c.business_id,
        api_keys.c.secret_hash,
        sa.select(_OLD.ends_at)
        .where(
            _OLD.key_id == api_keys.c.id,
            _OLD.secret_hash == sa.bindparam("shown_hash"),
        )
        .correlate(api_keys)
        .scalar_subquery()
        .label("old_secret_ends_at"),
        api_keys.c.name,
        api_keys.c.role,
        api_keys.c.scopes,
        api_keys.c.locations,
        api_keys.c.expires_at,
        api_keys.c.last_used_at,
        api_keys.c.revoked_at,
        now().label("read_at"),
        businesses.c.timezone,
        businesses.c.currency,
        businesses.c.suspended_at,
        businesses.c.suspended_because,
    )
    .join(businesses)
    .where(api_keys.c.prefix == sa.bindparam("of_prefix"))
)
_EXPIRED: Final = sa.func.coalesce(api_keys.c.expires_at <= now(), sa.false())
_SHOWN: Final = sa.select(
    sa.cast(api_keys.c.id, sa.Text).label("id"),
    api_keys.c.business_id,
    api_keys.c.prefix,
    api_keys.c.name,
    api_keys.c.role,
    api_keys.c.scopes,
    api_keys.c.locations,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    _EXPIRED.label("is_expired"),
    api_keys.c.last_used_at,
    api_keys.c.revoked_at,
    sa.select(sa.func.max(_OLD.ends_at))
    .where(_OLD.key_id == api_keys.c.id, _OLD.ends_at > now())
    .correlate(api_keys)
    .scalar_subquery()
    .label("previous_secret_until"),
)


async def insert(conn: AsyncConnection, **values: Any) -> None:
    """Writes a new key.

    Raises:
        sqlalchemy.exc.IntegrityError: no such business, or the prefix is taken.
    """
    await conn.execute(api_keys.insert().values(**values))


async def find(conn: Connection, prefix: str, shown_hash: str) -> Held | None:
    """The key with this prefix, in force or not, for who shows a secret of this hash."""
    rows = await fetch(conn, _HELD, {"of_prefix": prefix, "shown_hash": shown_hash})
    return Held(**rows[0]) if rows else None


async def keys_of_business(conn: AsyncConnection, business_id: str | None) -> Sequence[KeyRow]:
    """The keys of one business, or of every one, oldest first."""
    query = _SHOWN.order_by(api_keys.c.business_id, api_keys.c.id)
    if business_id is not None:
        query = query.where(api_keys.c.business_id == business_id)
    return [KeyRow(*row) for row in await conn.execute(query)]


async def with_prefix(conn: AsyncConnection, prefix: str) -> KeyRow | None:
    """The key with this prefix; nobody else changes it until the transaction ends."""
    query = _SHOWN.where(api_keys.c.prefix == prefix).with_for_update(of=api_keys)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else KeyRow(*row)


async def get(
    conn: AsyncConnection, business_id: str, key_id: str, *, lock: bool = False
) -> KeyRow | None:
    """One key of this business.

    `lock` keeps every other writer of it out until the transaction ends.
    """
    query = _SHOWN.where(api_keys.c.business_id == business_id, api_keys.c.id == key_id)
    query = query.with_for_update(of=api_keys) if lock else query
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else KeyRow(*row)


async def oldest(
    conn: AsyncConnection, business_id: str, *, after: str | None, limit: int
) -> list[KeyRow]:
    """A business's, the oldest first, from the one after `after` (an id)."""
    query = _SHOWN.where(api_keys.c.business_id == business_id)
    if after is not None:
        query = query.where(api_keys.c.id > after)
    return [KeyRow(*row) for row in await conn.execute(query.order_by(api_keys.c.id).limit(limit))]


async def in_force(conn: AsyncConnection, business_id: str) -> list[KeyRow]:
    """Those of a business that are neither revoked nor expired."""
    query = _SHOWN.where(
        api_keys.c.business_id == business_id, api_keys.c.revoked_at.is_(None), sa.not_(_EXPIRED)
    )
    return [KeyRow(*row) for row in await conn.execute(query)]


async def of_request(
    conn: AsyncConnection, business_id: str, idempotency_key: str
) -> tuple[KeyRow, str] | None:
    """The key that a request made, and that request's fingerprint."""
    query = _SHOWN.add_columns(api_keys.c.request_fingerprint).where(
        api_keys.c.business_id == business_id, api_keys.c.idempotency_key == idempotency_key
    )
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else (KeyRow(*row[:-1]), row[-1])


async def update(conn: AsyncConnection, key_id: str, **values: Any) -> None:
    """Set columns of one."""
    await conn.execute(api_keys.update().where(api_keys.c.id == key_id).values(**values))


async def revoke(conn: AsyncConnection, prefix: str) -> bool:
    """Revokes a key that is not revoked; False when there is none."""
    changed = await conn.execute(
        api_keys.update()
        .where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    return changed.rowcount == 1


async def replace_secret(
    conn: AsyncConnection, key_id: str, secret_hash: str, *, overlap_seconds: float
) -> None:
    """Give a key another secret; the one before ends after so long.

    Those before that live to their own ends; with an overlap of 0 all end now.
    """
    gone = _OLD.key_id == key_id
    if overlap_seconds > 0:
        gone = sa.and_(gone, _OLD.ends_at <= now())
    await conn.execute(sa.delete(old_key_secrets).where(gone))
    if overlap_seconds > 0:
        ends_at = later(sa.literal(overlap_seconds, sa.Float))
        current = sa.select(api_keys.c.id, api_keys.c.secret_hash, ends_at, api_keys.c.business_id)
        await conn.execute(
            sa.insert(old_key_secrets).from_select(
                [_OLD.key_id, _OLD.secret_hash, _OLD.ends_at, _OLD.business_id],
                current.where(api_keys.c.id == key_id),
            )
        )
    await update(conn, key_id, secret_hash=secret_hash)


async def business_of(conn: Connection, prefix: str) -> str | None:
    """Whose key has this prefix; None: nobody's."""
    rows = await fetch(conn, _WHOSE, {"shown": prefix})
    return str(rows[0]["business_id"]) if rows else None


async def count_old_secrets(conn: AsyncConnection, key_id: str) -> int:
    """How many secrets from before the current one are in force."""
    query = sa.select(sa.func.count()).where(_OLD.key_id == key_id, _OLD.ends_at > now())
    return (await conn.execute(query)).scalar_one()


async def note_uses(
    conn: AsyncConnection, prefixes: Iterable[str], *, older_than_seconds: float
) -> None:
    """Write that these were used now, where that was not written for so long.

    One that another process writes at the same time is left to it.
    """
    long_ago = later(sa.literal(-older_than_seconds, sa.Float))
    chosen = (
        sa.select(api_keys.c.id)
        .where(
            in_list(api_keys.c.prefix, prefixes),
            sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < long_ago),
        )
        .with_for_update(skip_locked=True)
    )
    await conn.execute(
        api_keys.update().where(is_one_of(api_keys.c.id, chosen)).values(last_used_at=now())
    )
