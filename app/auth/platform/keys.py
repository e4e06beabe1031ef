"""Keys of the platform: only the operator's commands make them, and they belong to no business."""

import datetime as dt
import hmac
from collections.abc import Sequence

from uuid_utils import uuid7

from app.auth.belief import BELIEVED_SECONDS, doubt
from app.auth.callers import CallerKind, PlatformCaller
from app.auth.key_texts import KeyBegins, KeyText, hashed, new_key_text
from app.db.access import administration, platform_keys
from app.db.core.engine import Database
from app.domain.days import instant_text
from app.domain.nouns.administration import COMMAND, Action, Actor, Deed
from app.domain.nouns.keys import PlatformKeyRow


async def checked(db: Database, key: KeyText) -> tuple[PlatformCaller, float] | None:
    """Whose key it is, and for how many seconds it surely stays in force; None: it is not."""
    async with db.single() as conn:
        row = await platform_keys.find(conn, key.prefix)
    # The comparison runs for an unknown prefix too, so that its answer takes no less time.
    is_its = hmac.compare_digest(row.secret_hash if row else "", hashed(key.secret))
    if row is None or not is_its or row.revoked_at is not None:
        return None
    seconds = BELIEVED_SECONDS
    if row.expires_at is not None:
        seconds = min(seconds, (row.expires_at - row.read_at).total_seconds())
    if seconds <= 0:
        return None
    kind = CallerKind.PLATFORM_KEY
    caller = PlatformCaller(kind=kind, id=key.prefix, label=row.name, name=f"{kind}:{row.name}")
    return caller, seconds


async def create(
    db: Database, name: str, expires_at: dt.datetime | None = None, *, by: Actor = COMMAND
) -> str:
    """A new key, committed; the only time that its secret is seen. None: it never expires."""
    text = new_key_text(KeyBegins.OF_PLATFORM)
    async with db.write(across=True) as conn:
        await platform_keys.insert(
            conn,
            id=str(uuid7()),
            prefix=text.prefix,
            secret_hash=hashed(text.secret),
            name=name,
            expires_at=expires_at,
        )
        ends = None if expires_at is None else instant_text(expires_at)
        facts = {"name": name, "expires_at": ends}
        deed = Deed(Action.PLATFORM_KEY_CREATED, None, text.prefix, after=facts)
        await administration.record(conn, by, deed)
    return text.whole()


async def oldest(db: Database) -> Sequence[PlatformKeyRow]:
    """All of them, the oldest first, revoked ones too."""
    async with db.read() as conn:
        return await platform_keys.oldest(conn)


async def revoke(db: Database, prefix: str, *, by: Actor = COMMAND) -> bool:
    """Put a key out of force, as `revoke_key` does; False when none in force has this prefix."""
    async with db.write(across=True) as conn:
        revoked = await platform_keys.revoke(conn, prefix)
        if revoked:
            await administration.record(conn, by, Deed(Action.PLATFORM_KEY_REVOKED, None, prefix))
    doubt(db, lambda one: one.kind is CallerKind.PLATFORM_KEY and one.id == prefix)
    return revoked
