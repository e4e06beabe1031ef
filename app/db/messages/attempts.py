"""What came of tries.

A relay's word that it has taken a message counts whoever heard it, everything else only from the
claim that is still the row's own.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import later, now
from app.db.messages import later_words
from app.db.messages.contacts import suppress
from app.db.tables.messages import messages
from app.domain.statuses import MessageStatus

_M: Final = messages.c


class TryRow(NamedTuple):
    """What came of one claim.

    `due_in_seconds` is for the next try, None where there is none. `counted`: whether it was one.
    `unreachable`: the address takes nothing, ever.
    """

    id: str
    epoch: int
    status: MessageStatus
    because: str | None = None
    due_in_seconds: float | None = None
    counted: bool = True
    recipient: str | None = None
    detail: str | None = None
    unreachable: bool = False


def _record() -> sa.Update:
    status = sa.bindparam("to_status", type_=sa.Text)
    is_sent = sa.bindparam("is_sent", type_=sa.Boolean)
    own = sa.and_(
        _M.epoch == sa.bindparam("of_epoch", type_=sa.Integer),
        _M.status == MessageStatus.PENDING,
    )
    unsent = sa.or_(_M.status == MessageStatus.PENDING, _M.status == MessageStatus.FAILED)
    late = sa.and_(is_sent, unsent)
    due_in = sa.bindparam("due_in", type_=sa.Float)
    again = sa.bindparam("is_due_again", type_=sa.Boolean)
    counted = sa.bindparam("counted", type_=sa.Integer)
    return (
        sa.update(messages)
        .where(_M.id == sa.bindparam("of_id", type_=_M.id.type), sa.or_(own, late))
        .values(
            status=status,
            because=sa.bindparam("its_because", type_=sa.Text),
            due_at=sa.case((again, later(due_in)), else_=None),
            tries=_M.tries + counted,
            recipient=sa.func.coalesce(sa.bindparam("to", type_=sa.Text), _M.recipient),
            detail=sa.func.coalesce(sa.bindparam("its_detail", type_=sa.Text), _M.detail),
            sent_at=sa.case((is_sent, now()), else_=_M.sent_at),
        )
    )


_RECORD: Final = _record()


async def record(conn: AsyncConnection, business_id: str, rows: Sequence[TryRow]) -> None:
    """Write what came of claims of one business's messages; again changes nothing more.

    What was said of one before it was recorded that it was sent counts now.
    """
    await conn.execute(_RECORD, [_parameters(row) for row in rows])
    for row in rows:
        if row.unreachable and row.recipient:
            await suppress(
                conn, business_id, row.recipient, because=row.because or "", message_id=row.id
            )
    await later_words.apply_kept(conn, [row.id for row in rows if row.status is MessageStatus.SENT])


def _parameters(row: TryRow) -> dict[str, Any]:
    return {
        "of_id": row.id,
        "of_epoch": row.epoch,
        "to_status": row.status,
        "is_sent": row.status == MessageStatus.SENT,
        "its_because": row.because,
        "due_in": row.due_in_seconds or 0.0,
        "is_due_again": row.due_in_seconds is not None,
        "counted": int(row.counted),
        "to": row.recipient,
        "its_detail": row.detail,
    }


async def resend(conn: AsyncConnection, job_id: str, message_id: str) -> bool:
    """Have a message that rests sent once more; False: it is pending, or there is none.

    It says what it said, unless something has changed, which a next edition tells.
    """
    rests = _M.status != MessageStatus.PENDING
    statement = sa.update(messages).where(_M.id == message_id, _M.job_id == job_id, rests)
    again = statement.values(
        status=MessageStatus.PENDING,
        due_at=now(),
        because=None,
        tries=0,
        epoch=_M.epoch + 1,
        early_words=None,  # of the sending before
    )
    return (await conn.execute(again)).rowcount == 1
