"""Who is calling: API keys of businesses, of whose secret only a hash is kept.

Revoked, expired, unknown and garbled keys are refused in the
same words. A key that was found in force is believed for `BELIEVED_SECONDS`, and never beyond its
end; what is no key is never remembered.
"""

import datetime as dt
import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.auth import last_use
from app.auth.belief import BELIEVED_SECONDS, believe, believed, doubt, token_of
from app.auth.callers import AnyCaller, Caller, CallerKind
from app.auth.key_texts import KeyBegins, KeyText, hashed, new_key_text, read_key
from app.auth.locations import granted_within, locations_of, locations_text
from app.auth.platform import keys as platform_keys
from app.auth.roles import Role, Scope
from app.db.access import administration, keys
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.domain.days import instant_text
from app.domain.nouns.administration import COMMAND, Action, Actor, Deed, Facts
from app.domain.nouns.keys import KeyRow, Locations
from app.errors import Suspended, Unauthenticated

_NO_KEY: Final = "Send the header Authorization: Bearer bck_… with an API key of your business."
_BAD_KEY: Final = "This API key is unknown, has been revoked or has expired."


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made: with a role, or scopes of its own; None: it never expires.

    `locations`: those that it is to be limited to, if it is.
    """

    business_id: str
    name: str
    scopes: frozenset[Scope]
    role: Role | None
    expires_at: dt.datetime | None
    locations: Locations = None


async def authenticate(
    db: Database, authorization: str | None, *, clock: Callable[[], float] = time.monotonic
) -> AnyCaller:
    """The caller that an `Authorization` header (RFC 6750 §2.1) names; `clock` counts seconds.

    Raises:
        Unauthenticated: no bearer token, or none of a key in force.
        Suspended: its business is out of service.
    """
    known = believed(db, authorization, clock=clock)
    if known is not None:
        return known
    token = token_of(authorization)
    if token is None:
        raise Unauthenticated(_NO_KEY)
    asked_at = clock()
    caller, seconds = await _checked(db, token)
    believe(db, token, caller, until=asked_at + seconds)
    return caller


async def _checked(db: Database, token: str) -> tuple[AnyCaller, float]:
    """Whose key in force it is, and for how many seconds it surely stays so."""
    key = read_key(token)
    if key is None:
        raise Unauthenticated(_BAD_KEY)
    if key.begins is KeyBegins.OF_BUSINESS:
        return await _of_business(db, key)
    found = await platform_keys.checked(db, key)
    if found is None:
        raise Unauthenticated(_BAD_KEY)
    return found


async def _of_business(db: Database, key: KeyText) -> tuple[Caller, float]:
    prefix, shown_hash = key.prefix, hashed(key.secret)
    # Whose it is, its row says.
    async with db.single(across=True) as conn:
        row = await keys.find(conn, prefix, shown_hash)
    # The comparison runs for an unknown prefix too, so that its answer takes no less time.
    is_current = hmac.compare_digest(row.secret_hash if row else "", shown_hash)
    if row is None or row.revoked_at is not None:
        raise Unauthenticated(_BAD_KEY)
    if not is_current and row.old_secret_ends_at is None:
        raise Unauthenticated(_BAD_KEY)
    ends = (row.expires_at, None if is_current else row.old_secret_ends_at)
    seconds = min(
        ((end - row.read_at).total_seconds() for end in ends if end is not None),
        default=BELIEVED_SECONDS,
    )
    if seconds <= 0:
        raise Unauthenticated(_BAD_KEY)
    if row.suspended_at is not None:
        raise Suspended(row.suspended_because)
    last_use.note(db, prefix, last=row.last_used_at, at=row.read_at)
    locations = locations_of(row.locations)
    caller = Caller(
        business_id=row.business_id,
        kind=CallerKind.KEY,
        id=prefix,
        label=row.name,
        name=f"{CallerKind.KEY}:{row.name}",
        scopes=granted_within(row.role, row.scopes, locations),
        timezone=row.timezone,
        currency=row.currency,
        locations=locations,
    )
    return caller, min(seconds, BELIEVED_SECONDS)


async def create_key(
    db: Database,
    business_id: str,
    name: str,
    scopes: Iterable[Scope] = (),
    *,
    role: Role | None = None,
    expires_at: dt.datetime | None = None,
    locations: Locations = None,
    by: Actor = COMMAND,
) -> str:
    """A new key of the business, committed; the only time that its secret is seen.

    It has the scopes of its role, or those that are named, within these locations.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such business.
    """
    new = NewKey(business_id, name, frozenset(scopes), role, expires_at, locations)
    with of_business(business_id):
        async with db.write() as conn:
            return (await write_key(conn, new, by=by))[1]


async def write_key(
    conn: AsyncConnection, new: NewKey, *, by: Actor, **of_request: str
) -> tuple[str, str]:
    """Write a key, with the columns that tell its request; its id, and the token that opens it.

    Raises:
        sqlalchemy.exc.IntegrityError: there is no such business, or the request was taken before.
    """
    assert new.role is None or not new.scopes
    asked = " ".join(sorted(new.scopes))
    text = new_key_text(KeyBegins.OF_BUSINESS)
    key_id = str(uuid7())
    await keys.insert(
        conn,
        id=key_id,
        business_id=new.business_id,
        prefix=text.prefix,
        secret_hash=hashed(text.secret),
        name=new.name,
        role=new.role,
        scopes=asked,
        locations=locations_text(new.locations),
        expires_at=new.expires_at,
        **of_request,
    )
    facts = key_facts(new.name, new.role, asked, new.expires_at, new.locations)
    deed = Deed(Action.KEY_CREATED, new.business_id, text.prefix, after=facts)
    await administration.record(conn, by, deed)
    return key_id, text.whole()


def key_facts(
    name: str,
    role: str | None,
    scopes: str,
    expires_at: dt.datetime | None,
    locations: Locations,
) -> Facts:
    """What of a key is written down where somebody changes it."""
    ends = None if expires_at is None else instant_text(expires_at)
    where = {} if locations is None else {"locations": sorted(locations)}
    return {"name": name, "role": role, "scopes": scopes.split(), "expires_at": ends} | where


async def list_keys(db: Database, business_id: str | None = None) -> Sequence[KeyRow]:
    """The keys of one business or of all, oldest first, revoked ones too.

    Never a secret or its hash.
    """
    async with db.read(across=business_id is None) as conn:
        return await keys.keys_of_business(conn, business_id)


async def revoke_key(db: Database, prefix: str, *, by: Actor = COMMAND) -> bool:
    """Puts a key out of force.

    Here that is from this commit on, in other processes within `BELIEVED_SECONDS`. False when no
    key in force has this prefix.
    """
    business_id = await business_of(db, prefix)
    if business_id is None:
        return False
    with of_business(business_id):
        async with db.write() as conn:
            revoked = await keys.revoke(conn, prefix)
            if revoked:
                deed = Deed(Action.KEY_REVOKED, business_id, prefix)
                await administration.record(conn, by, deed)
    disbelieve(db, prefix)
    return revoked


async def business_of(db: Database, prefix: str) -> str | None:
    """Whose key has this prefix; None: nobody's."""
    async with db.single(across=True) as conn:
        return await keys.business_of(conn, prefix)


def disbelieve(db: Database, prefix: str) -> None:
    """Ask the database about a key the next time, whatever was found lately."""
    doubt(db, lambda one: one.kind is CallerKind.KEY and one.id == prefix)
