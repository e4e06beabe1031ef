"""Managing keys as their business does: nobody gives away, or gets, more than they may do.

Whoever makes, changes or rotates a key has every scope of it; to revoke one `business:manage` is
enough. The last key in force that can manage keys is not revoked.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.callers import Caller
from app.auth.keys import NewKey, disbelieve, key_facts, write_key
from app.auth.locations import locations_of
from app.auth.roles import Scope, granted
from app.auth.rotation import renew_secret
from app.db.access import administration, businesses, keys
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.domain.nouns.administration import Action, Deed, Facts, change_of
from app.domain.nouns.keys import KeyRow
from app.errors import FieldError, Invalid, MissingScope, NotFound, Problem

log = structlog.get_logger()

MAX_KEYS: Final = 100  # in force, of a business


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key, and what opens it; None where the request was answered before."""

    key: KeyRow
    token: str | None


async def create(db: Database, who: Caller, new: NewKey, *, idempotency_key: str) -> MadeKey:
    """A new key of the caller's business; under the same idempotency key it is made once.

    Raises:
        MissingScope: the caller hasn't what the key is to have.
        Invalid: it would have expired.
        Problem: 422 `idempotency-key-reused`, 409 `too-many-keys`.
    """
    _need_all(who, granted(new.role, " ".join(new.scopes)))
    fingerprint = _fingerprint(new)
    async with db.write() as conn:
        await businesses.hold(conn, who.business_id)
        before = await keys.of_request(conn, who.business_id, idempotency_key)
        if before is not None:
            key, its_fingerprint = before
            if its_fingerprint != fingerprint:
                raise Problem(
                    422,
                    "idempotency-key-reused",
                    "This Idempotency-Key was used for another request",
                    "The key came before with another body. Use a new key for a new request.",
                    extensions={"key_id": key.id},
                )
            return MadeKey(key, None)
        await _check_end(conn, new.expires_at)
        if len(await keys.in_force(conn, who.business_id)) >= MAX_KEYS:
            detail = f"A business may have {MAX_KEYS} in force. Revoke one that is not needed."
            raise Problem(409, "too-many-keys", "There are too many keys", detail)
        key_id, token = await write_key(
            conn,
            new,
            by=who.actor,
            idempotency_key=idempotency_key,
            request_fingerprint=fingerprint,
        )
        key = await _existing(conn, who, key_id)
    log.info("key.created", business_id=who.business_id, prefix=key.prefix)
    return MadeKey(key, token)


async def get(db: Database, who: Caller, key_id: str) -> KeyRow:
    """One key, in force or not.

    Raises:
        NotFound: the business has none of this id.
    """
    async with db.read() as conn:
        return await _existing(conn, who, key_id)


async def oldest(db: Database, who: Caller, *, after: str | None, limit: int) -> list[KeyRow]:
    """The keys of the caller's business, in force or not, from the one after `after` (an id)."""
    async with db.read() as conn:
        return await keys.oldest(conn, who.business_id, after=after, limit=limit)


async def change(db: Database, who: Caller, key_id: str, changes: Mapping[str, Any]) -> KeyRow:
    """Change a key's `name` or when it expires (`expires_at`; None: never).

    Raises:
        NotFound: the business has none of this id.
        MissingScope: it may do what the caller may not.
        Invalid: it would have expired.
        Problem: 409 `key-revoked`.
    """
    async with db.write() as conn:
        key = await _theirs(conn, who, key_id)
        if "expires_at" in changes:
            await _check_end(conn, changes["expires_at"])
        await keys.update(conn, key_id, **changes)
        changed = await _existing(conn, who, key_id)
        deed = change_of(
            Action.KEY_CHANGED, who.business_id, key.prefix, _facts(key), _facts(changed)
        )
        await administration.record(conn, who.actor, deed)
    disbelieve(db, key.prefix)
    log.info("key.changed", business_id=who.business_id, prefix=key.prefix)
    return changed


async def rotate(db: Database, who: Caller, key_id: str, *, overlap_seconds: int) -> MadeKey:
    """Give a key another secret; `rotation.rotate` has what becomes of those before.

    Raises:
        NotFound: the business has none of this id.
        MissingScope: it may do what the caller may not.
        Problem: 409 `key-revoked`, `too-many-secrets`.
    """
    async with db.write() as conn:
        key = await _theirs(conn, who, key_id)
        token = await renew_secret(conn, key, overlap_seconds=overlap_seconds, by=who.actor)
        rotated = await _existing(conn, who, key_id)
    disbelieve(db, key.prefix)
    log.info("key.rotated", business_id=who.business_id, prefix=key.prefix)
    return MadeKey(rotated, token)


async def revoke(db: Database, who: Caller, key_id: str) -> KeyRow:
    """Put a key out of force for good; one that is already stays as it is.

    Raises:
        NotFound: the business has none of this id.
        Problem: 409 `last-managing-key`.
    """
    async with db.write() as conn:
        await businesses.hold(conn, who.business_id)
        key = await _existing(conn, who, key_id, lock=True)
        managing = [one.id for one in await keys.in_force(conn, who.business_id) if _manages(one)]
        if managing == [key_id]:
            raise Problem(
                409,
                "last-managing-key",
                "It is the last key that manages keys",
                "Without it no key could make another. Make one with business:manage first.",
            )
        if await keys.revoke(conn, key.prefix):
            deed = Deed(Action.KEY_REVOKED, who.business_id, key.prefix)
            await administration.record(conn, who.actor, deed)
        revoked = await _existing(conn, who, key_id)
    disbelieve(db, key.prefix)
    log.info("key.revoked", business_id=who.business_id, prefix=key.prefix)
    return revoked


async def _theirs(conn: AsyncConnection, who: Caller, key_id: str) -> KeyRow:
    """A key that the caller may change, which stays as it is until the transaction ends."""
    key = await _existing(conn, who, key_id, lock=True)
    _need_all(who, granted(key.role, key.scopes))
    if key.revoked_at is not None:
        detail = "It was revoked, for good. Make another."
        raise Problem(409, "key-revoked", "The key is revoked", detail)
    return key


async def _existing(
    conn: AsyncConnection, who: Caller, key_id: str, *, lock: bool = False
) -> KeyRow:
    key = await keys.get(conn, who.business_id, key_id, lock=lock)
    if key is None:
        raise NotFound("key")
    return key


async def _check_end(conn: AsyncConnection, expires_at: dt.datetime | None) -> None:
    if expires_at is not None and expires_at <= await clock(conn):
        raise Invalid([FieldError("/expires_at", "in-the-past", "Must be in the future.")])


def _need_all(who: Caller, scopes: Iterable[Scope]) -> None:
    for scope in sorted(scopes):
        if scope not in who.scopes:
            raise MissingScope(scope)


def _manages(key: KeyRow) -> bool:
    return Scope.BUSINESS_MANAGE in granted(key.role, key.scopes)


def _facts(key: KeyRow) -> Facts:
    return key_facts(key.name, key.role, key.scopes, key.expires_at, locations_of(key.locations))


def _fingerprint(new: NewKey) -> str:
    """Equal for requests that ask for the same key."""
    asked: tuple[Any, ...] = (new.name, new.role, sorted(new.scopes), new.expires_at)
    if new.locations is not None:  # left out where nothing is said of it: as it was before
        asked = (*asked, sorted(new.locations))
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()
