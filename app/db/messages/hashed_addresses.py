"""Addresses of erased clients that take nothing: told apart by a keyed hash, and read by nobody.

Each business has a key of its own, which is kept encrypted: whoever has the database alone can't
even try addresses.
"""

import hashlib
import hmac
import os
from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, insert
from app.db.tables import businesses
from app.db.tables.messages import suppressed_addresses
from app.db.tables.personal import hashed_addresses
from app.domain.statuses import SuppressedBecause
from app.encryption import SecretBox, SecretPlace, Undecryptable
from app.errors import Problem

log = structlog.get_logger()

_H: Final = hashed_addresses.c
_S: Final = suppressed_addresses.c
_KEY: Final = businesses.c.address_key_sealed
_KEY_BYTES: Final = 32


def _place(business_id: str) -> SecretPlace:
    return SecretPlace(businesses.name, _KEY.name, business_id)


def _hash(key: bytes, address: str) -> str:
    return hmac.new(key, address.lower().encode(), hashlib.sha256).hexdigest()


async def _key_of(
    conn: AsyncConnection, business_id: str, secret_box: SecretBox | None
) -> bytes | None:
    """What the business's addresses are hashed with; None: it has no hash.

    Raises:
        Problem: 409 `hashed-addresses-unreadable`: the process has no key that opens it.
    """
    sealed = await conn.scalar(sa.select(_KEY).where(businesses.c.id == business_id))
    if sealed is None:
        return None
    try:
        return bytes.fromhex(_opened(secret_box, sealed, business_id))
    except Undecryptable:
        log.error("messages.address_key_unreadable", business_id=business_id)  # noqa: TRY400 - nothing to trace
        raise Problem(
            409,
            "hashed-addresses-unreadable",
            "Hashed addresses can't be read",
            "What addresses of erased clients are hashed with can't be opened by any key in "
            "BULK_CANCEL_SECRETS_KEY.",
        ) from None


def _opened(secret_box: SecretBox | None, sealed: str, business_id: str) -> str:
    if secret_box is None:
        raise Undecryptable
    return secret_box.decrypt(sealed, _place(business_id))


async def hide(
    conn: AsyncConnection, business_id: str, addresses: Collection[str], secret_box: SecretBox
) -> int:
    """Keep those of these addresses that take nothing as hashes alone; how many there were.

    Raises:
        Problem: 409 `hashed-addresses-unreadable`: no key here opens the business's own.
    """
    mine = sa.and_(_S.business_id == business_id, in_list(_S.address, sorted(addresses)))
    query = sa.select(_S.address, _S.because, _S.since).where(mine)
    found = (await conn.execute(query)).all()
    if not found:
        return 0
    own = sa.select(businesses.c.id).where(businesses.c.id == business_id)
    await conn.execute(own.with_for_update(key_share=True))  # two would each make a key
    key = await _key_of(conn, business_id, secret_box)
    if key is None:
        key = os.urandom(_KEY_BYTES)
        sealed = secret_box.encrypt(key.hex(), _place(business_id))
        keep = sa.update(businesses).where(businesses.c.id == business_id)
        await conn.execute(keep.values(address_key_sealed=sealed))
    for address, because, since in found:
        row = {"hash": _hash(key, address), "because": because, "since": since}
        kept = insert(conn, hashed_addresses).values(business_id=business_id, **row)
        await conn.execute(kept.on_conflict_do_nothing())
    await conn.execute(sa.delete(suppressed_addresses).where(mine))
    return len(found)


async def suppressed(
    conn: AsyncConnection,
    business_id: str,
    addresses: Collection[str],
    secret_box: SecretBox | None,
) -> Mapping[str, SuppressedBecause]:
    """Those of these addresses that get nothing of this business by their hashes, and why.

    Raises:
        Problem: as of `hide`.
    """
    key = await _key_of(conn, business_id, secret_box)
    if key is None or not addresses:
        return {}
    of_hash = {_hash(key, one): one for one in addresses}
    query = sa.select(_H.hash, _H.because).where(
        _H.business_id == business_id, in_list(_H.hash, sorted(of_hash))
    )
    complained = SuppressedBecause.COMPLAINED
    return {
        of_hash[found]: complained if because == complained else SuppressedBecause.UNREACHABLE
        for found, because in (await conn.execute(query)).all()
    }


async def let_in(
    conn: AsyncConnection, business_id: str, address: str, secret_box: SecretBox | None
) -> bool:
    """Send to an address again; False: no hash is its own.

    Raises:
        Problem: as of `hide`.
    """
    key = await _key_of(conn, business_id, secret_box)
    if key is None:
        return False
    it = sa.and_(_H.business_id == business_id, _H.hash == _hash(key, address))
    return (await conn.execute(sa.delete(hashed_addresses).where(it))).rowcount == 1
