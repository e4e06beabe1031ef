"""What is said of a message after a relay has taken it: recorded, in either order.

A word may come before the relay's own is recorded, or that may never be, as its worker was killed.
It is kept in the row then: it shows that the message was taken, and counts as soon as that is
recorded.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.core.driver import Connection, fetch
from app.db.messages.contacts import suppress
from app.db.tables.messages import MAX_DETAIL, messages
from app.domain.nouns.messages import LaterSaid
from app.domain.statuses import MessageStatus, SuppressedBecause

_M: Final = messages.c
_CAME_BACK: Final = "bounced"
_MAX_KEPT: Final = 5  # a relay, a mailbox and its reader say one each


_WHOSE: Final = sa.select(_M.business_id).where(
    _M.id == sa.bindparam("of_message", type_=_M.id.type)
)


async def business_of(conn: Connection, message_id: str) -> str | None:
    """Of which business a message is; None: there is no such message."""
    rows = await fetch(conn, _WHOSE, {"of_message": message_id})
    return str(rows[0]["business_id"]) if rows else None


async def apply(conn: AsyncConnection, message_id: str, said: LaterSaid) -> bool:
    """Record what was said of a message; False: there is none, or it is not known to be sent."""
    was_sent = (
        _M.id == message_id,
        _M.status.in_((MessageStatus.SENT, MessageStatus.BOUNCED)),
    )
    if said.is_complaint:
        # It stays as it is, for it was read.
        query = sa.select(_M.business_id, _M.recipient).where(*was_sent)
        row = (await conn.execute(query)).one_or_none()
    else:
        back = sa.update(messages).where(*was_sent).returning(_M.business_id, _M.recipient)
        values = {"because": said.code[:64], "detail": said.detail[:MAX_DETAIL]}
        row = (
            await conn.execute(back.values(status=MessageStatus.BOUNCED, **values))
        ).one_or_none()
    if row is None:
        return False
    if row.recipient and (said.is_complaint or said.for_good):
        because = SuppressedBecause.COMPLAINED if said.is_complaint else _CAME_BACK
        await suppress(conn, row.business_id, row.recipient, because=because, message_id=message_id)
    return True


async def keep(conn: AsyncConnection, message_id: str, said: LaterSaid) -> bool:
    """Keep it until the message's sending is recorded; False: no such message is under way."""
    query = sa.select(_M.early_words).where(
        _M.id == message_id, _M.status == MessageStatus.PENDING, _M.composed_at.is_not(None)
    )
    row = (await conn.execute(query.with_for_update())).one_or_none()
    if row is None:
        return False
    words = [*(row.early_words or ())]
    if said._asdict() not in words and len(words) < _MAX_KEPT:
        kept = [*words, said._asdict()]
        await conn.execute(sa.update(messages).where(_M.id == message_id).values(early_words=kept))
    return True


async def apply_kept(conn: AsyncConnection, message_ids: Sequence[str]) -> None:
    """Record what was said of these messages before it was recorded that they were sent."""
    if not message_ids:
        return
    query = sa.select(_M.id, _M.early_words).where(
        in_list(_M.id, message_ids), _M.early_words.is_not(None)
    )
    for message_id, words in (await conn.execute(query)).all():
        for word in words:
            await apply(conn, message_id, LaterSaid(**word))
        await conn.execute(sa.update(messages).where(_M.id == message_id).values(early_words=None))
