"""Who is calling: API keys `bck_<prefix>_<secret>`, of whose secret only a hash is kept.

Every caller belongs to one business. A revoked key, an unknown one and a garbled one are refused in
the same words. A key that was found in force is believed for `BELIEVED_SECONDS`; what is no key is
never remembered.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from weakref import WeakKeyDictionary

from uuid_utils import uuid7

from app.db.access import keys
from app.db.core.engine import Database
from app.errors import Unauthenticated

# Without `_`, so that a key splits in one way only.
_ALPHABET: Final = string.ascii_letters + string.digits
_PREFIX_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43  # 43 characters out of 62 hold 256 random bits
_KEY: Final = re.compile(
    rf"bck_([A-Za-z0-9]{{{_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})"
)
_NO_KEY: Final = "Send the header Authorization: Bearer bck_… with an API key of your business."
_BAD_KEY: Final = "This API key is unknown or has been revoked."
# Another process may revoke a key meanwhile; and what looks at an open stream's key does so this
# often again.
BELIEVED_SECONDS: Final = 12.0
_MAX_BELIEVED: Final = 10_000


class Scope(StrEnum):
    """What a caller may do."""

    SCHEDULE_READ = "schedule:read"
    SCHEDULE_WRITE = "schedule:write"
    CANCELLATIONS_READ = "cancellations:read"
    CANCELLATIONS_WRITE = "cancellations:write"
    AUDIT_READ = "audit:read"  # names and e-mail addresses of clients
    TERMS_WRITE = "terms:write"
    WEBHOOKS_MANAGE = "webhooks:manage"


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller, with what of its business nearly every step needs."""

    business_id: str
    name: str  # as the audit prints it: `key:front desk`
    key_name: str
    key_prefix: str
    scopes: frozenset[str]
    timezone: str
    currency: str


@dataclass(frozen=True, slots=True)
class _Believed:
    """A caller whose key was in force not long ago."""

    caller: Caller
    until: float


# By the hash of a token, the longest known first: a dump of memory gives no key away.
_Believing = OrderedDict[bytes, _Believed]
_believing: Final[WeakKeyDictionary[Database, _Believing]] = WeakKeyDictionary()


def believed(
    db: Database, authorization: str | None, *, clock: Callable[[], float] = time.monotonic
) -> Caller | None:
    """The caller that the header names, where its key was found in force lately.

    Asks nobody.
    """
    believing = _believing.get(db)
    token = _token_of(authorization)
    known = believing.get(_digest(token)) if believing and token else None
    return known.caller if known is not None and clock() < known.until else None


async def authenticate(
    db: Database, authorization: str | None, *, clock: Callable[[], float] = time.monotonic
) -> Caller:
    """The caller that an `Authorization` header (RFC 6750 §2.1) names; `clock` counts seconds.

    Raises:
        Unauthenticated: no bearer token, or none of a key in force.
    """
    known = believed(db, authorization, clock=clock)
    if known is not None:
        return known
    token = _token_of(authorization)
    if token is None:
        raise Unauthenticated(_NO_KEY)
    until = clock() + BELIEVED_SECONDS
    caller = await _checked(db, token)
    believing = _believing.setdefault(db, OrderedDict())
    believing[_digest(token)] = _Believed(caller, until)
    believing.move_to_end(_digest(token))
    if len(believing) > _MAX_BELIEVED:
        believing.popitem(last=False)
    return caller


def _token_of(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def _checked(db: Database, token: str) -> Caller:
    parts = _KEY.fullmatch(token)
    if parts is None:
        raise Unauthenticated(_BAD_KEY)
    prefix, secret = parts.groups()
    async with db.single() as conn:
        row = await keys.find(conn, prefix)
    # The comparison runs for an unknown prefix too, so that its answer takes no less time.
    matches = hmac.compare_digest(row.secret_hash if row else "", _hashed(secret))
    if row is None or not matches or row.revoked_at is not None:
        raise Unauthenticated(_BAD_KEY)
    return Caller(
        business_id=row.business_id,
        name=f"key:{row.name}",
        key_name=row.name,
        key_prefix=prefix,
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


async def list_keys(db: Database, business_id: str | None = None) -> Sequence[keys.KeyRow]:
    """The keys of one business or of all, oldest first, revoked ones too.

    Never a secret or its hash.
    """
    async with db.read() as conn:
        return await keys.keys_of_business(conn, business_id)


async def revoke_key(db: Database, prefix: str) -> bool:
    """Puts a key out of force.

    Here that is from this commit on, in other processes within `BELIEVED_SECONDS`. False when no
    key in force has this prefix.
    """
    async with db.write() as conn:
        revoked = await keys.revoke(conn, prefix)
    believing = _believing.get(db, OrderedDict())
    for digest in [digest for digest, one in believing.items() if one.caller.key_prefix == prefix]:
        del believing[digest]
    return revoked


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
