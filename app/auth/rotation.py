"""A key's next secret: it overlaps with the one before, so that who uses it may change in time."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.key_texts import KeyBegins, KeyText, hashed, new_secret
from app.auth.keys import business_of, disbelieve
from app.db.access import administration, keys
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.domain.nouns.administration import COMMAND, Action, Actor, Deed
from app.domain.nouns.keys import KeyRow
from app.errors import NotFound, Problem

MAX_OVERLAP_SECONDS: Final = 7 * 86_400
DEFAULT_OVERLAP_SECONDS: Final = 86_400
MAX_OLD_SECRETS: Final = 10


async def rotate(db: Database, prefix: str, *, overlap_seconds: float, by: Actor = COMMAND) -> str:
    """Give a key another secret, and go on taking the one before for so long.

    Secrets before that live to their own ends, so that a rotation whose answer was lost may be
    made again; an overlap of 0 ends them all. Returns the new token.

    Raises:
        NotFound: no key with this prefix, or it is revoked.
        Problem: 409 `too-many-secrets`.
    """
    business_id = await business_of(db, prefix)
    if business_id is None:
        raise NotFound("key")
    with of_business(business_id):
        async with db.write() as conn:
            key = await keys.with_prefix(conn, prefix)
            if key is None or key.revoked_at is not None:
                raise NotFound("key")
            token = await renew_secret(conn, key, overlap_seconds=overlap_seconds, by=by)
    disbelieve(db, prefix)
    return token


async def renew_secret(
    conn: AsyncConnection, key: KeyRow, *, overlap_seconds: float, by: Actor
) -> str:
    """The part of `rotate_key` within a transaction that holds the key.

    Raises:
        Problem: 409 `too-many-secrets`.
    """
    if overlap_seconds > 0 and await keys.count_old_secrets(conn, key.id) >= MAX_OLD_SECRETS:
        raise Problem(
            409,
            "too-many-secrets",
            "There are too many secrets",
            (
                f"A key may have {MAX_OLD_SECRETS} beside its current one. Wait until one ends, "
                "or end all but the new one by an overlap of 0 seconds."
            ),
        )
    secret = new_secret()
    await keys.replace_secret(conn, key.id, hashed(secret), overlap_seconds=overlap_seconds)
    after = {"overlap_seconds": overlap_seconds}
    deed = Deed(Action.KEY_ROTATED, key.business_id, key.prefix, after=after)
    await administration.record(conn, by, deed)
    return KeyText(KeyBegins.OF_BUSINESS, key.prefix, secret).whole()
