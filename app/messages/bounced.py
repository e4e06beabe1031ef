"""What comes back of messages that a relay had taken: recorded, and dead addresses left alone.

Mail services' hooks and MTAs' pipes bring it. What they say of a message that was not sent, or that
there is not, changes nothing and is answered as everything else.
"""

import re
from contextlib import nullcontext
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.messages import later_words
from app.db.refunds.inbound_events import record_once
from app.domain.nouns.messages import LaterSaid
from app.gateways.email.later_words import LaterWord, Said

log = structlog.get_logger()

_SOURCE: Final = "messages"
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Heard(StrEnum):
    """What became of a later word."""

    RECORDED = "recorded"
    KEPT = "kept"  # it counts once the message is recorded as sent
    REPEATED = "repeated"  # the event has counted before
    UNKNOWN = "unknown"  # no message that was sent has the id


async def hear(db: Database, word: LaterWord, *, event_id: str | None = None) -> Heard:
    """Record what was said of a message, in one transaction with its event, where it is one."""
    business_id = await _whose(db, word)
    with nullcontext() if business_id is None else of_business(business_id):
        async with db.write() as conn:
            if event_id is not None and not await record_once(conn, _SOURCE, event_id):
                heard = Heard.REPEATED
            else:
                heard = await _record(conn, word)
    known = heard is not Heard.UNKNOWN
    log.info(
        "message.later_word",
        said=word.said,
        status=word.status,
        message_id=word.message_id if known else None,
        result=heard,
    )
    return heard


async def _whose(db: Database, word: LaterWord) -> str | None:
    """Of which business the message is; None: there is no such message."""
    if not _ID.fullmatch(word.message_id):
        return None
    async with db.single(across=True) as conn:
        return await later_words.business_of(conn, word.message_id)


async def _record(conn: AsyncConnection, word: LaterWord) -> Heard:
    if not _ID.fullmatch(word.message_id):
        return Heard.UNKNOWN
    match word.said:
        case Said.BOUNCED:
            said = LaterSaid(
                is_complaint=False,
                code=word.status or "no_status",
                detail=word.detail,
                for_good=word.is_dead_address,
            )
        case Said.COMPLAINED:
            said = LaterSaid(is_complaint=True)
        case Said.DELIVERED:
            return Heard.RECORDED  # `sent` says so
    if await later_words.apply(conn, word.message_id, said):
        return Heard.RECORDED
    if await later_words.keep(conn, word.message_id, said):
        return Heard.KEPT
    # Its sending may have been recorded between those two.
    was_sent = await later_words.apply(conn, word.message_id, said)
    return Heard.RECORDED if was_sent else Heard.UNKNOWN
