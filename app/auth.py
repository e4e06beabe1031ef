"""Who is calling: API keys `bck_<prefix>_<secret>`, of whose secret only a hash is kept.

Every caller belongs to one business. A revoked key, an unknown one and a garbled one are refused in the same words.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from uuid_utils import uuid7

from app.db import keys
from app.db.engine import Database
from app.errors import Unauthenticated

_ALPHABET: Final = string.ascii_letters + string.digits  # no `_`, so that a key splits in one way only
_PREFIX_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43  # 43 characters out of 62 hold 256 random bits
_KEY: Final = re.compile(rf"bck_([A-Za-z0-9]{{{_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})")
_NO_KEY: Final = "Send the header Authorization: Bearer bck_… with an API key of your business."
_BAD_KEY: Final = "This API key is unknown or has been revoked."


class Scope(StrEnum):
    """What a caller may do."""

    SCHEDULE_READ = "schedule:read"
    SCHEDULE_WRITE = "schedule:write"
    CANCELLATIONS_READ = "cancellations:read"
    CANCELLATIONS_WRITE = "cancellations:write"
    WEBHOOKS_MANAGE = "webhooks:manage"


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller, with what of its business nearly every step needs."""

    business_id: str
    name: str  # as the audit prints it: `key:front desk`
    scopes: frozenset[str]
    timezone: str
    currency: str


async def authenticate(db: Database, authorization: str | None) -> Caller:
    """The caller that an `Authorization` header (RFC 6750 §2.1) names.

    Raises:
        Unauthenticated: no bearer token, or none of a key in force.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(_NO_KEY)
    parts = _KEY.fullmatch(token.strip())
    if parts is None:
        raise Unauthenticated(_BAD_KEY)
    prefix, secret = parts.groups()
    async with db.glance() as conn:
        row = await keys.find(conn, prefix)
    # The comparison runs for an unknown prefix too, so that its answer takes no less time.
    matches = hmac.compare_digest(row.secret_hash if row else "", _hashed(secret))
    if row is None or not matches or row.revoked_at is not None:
        raise Unauthenticated(_BAD_KEY)
    return Caller(
        business_id=row.business_id,
        name=f"key:{row.name}",
        scopes=frozenset(row.scopes.split()),
        timezone=row.timezone,
        currency=row.currency,
    )


async def create_key(db: Database, business_id: str, name: str, scopes: Iterable[Scope]) -> str:
    """A new key of the business, committed; the only time that its secret is seen.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such business.
    """
    prefix, secret = _random(_PREFIX_LENGTH), _random(_SECRET_LENGTH)
    async with db.write() as conn:
        await keys.insert(
            conn,
            key_id=str(uuid7()),
            business_id=business_id,
            prefix=prefix,
            secret_hash=_hashed(secret),
            name=name,
            scopes=" ".join(sorted(set(scopes))),
        )
    return f"bck_{prefix}_{secret}"


async def list_keys(db: Database, business_id: str | None = None) -> Sequence[keys.Key]:
    """The keys of one business or of all, oldest first, revoked ones too; never a secret or its hash."""
    async with db.read() as conn:
        return await keys.of_business(conn, business_id)


async def revoke_key(db: Database, prefix: str) -> bool:
    """Puts a key out of force from this commit on; False when no key in force has this prefix."""
    async with db.write() as conn:
        return await keys.revoke(conn, prefix)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
