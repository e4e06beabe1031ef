"""Who is to be told of a job: a row for each client, in the transaction of what it reports.

A client's first message waits until all that is theirs has an end, or until the time is up. What
changes after its facts were frozen is told by a next edition. All of it happens under the job
row's lock, so that no two transactions each miss the other's last outcome.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.db.core import changes
from app.db.core.bulk_insert import insert_many
from app.db.core.dialect import Id, bound_list, clock, in_bound_list, in_list, now
from app.db.core.driver import fetch
from app.db.tables import jobs, refunds
from app.db.tables.messages import messages
from app.domain.messages.settings import MessageTerms, ToldBy, ToldWhen
from app.domain.owed.terms import SkipReason
from app.domain.statuses import MessageKind, MessageStatus

_M: Final = messages.c
# Who was there, or had left before, hears nothing of what is kept: nothing of theirs was cancelled.
_NOT_TOLD: Final = (SkipReason.ATTENDED, SkipReason.LATE_CANCELLED, SkipReason.NO_SHOW)
_OF_JOB: Final = sa.bindparam("of_job", type_=Id())
NEWEST: Final = sa.func.max(_M.edition)


def concerns_its_client(rows: sa.FromClause = refunds) -> sa.ColumnElement[bool]:
    """Whether a refund's row is of a booking that its client is told of."""
    nothing_back = sa.and_(
        sa.func.coalesce(rows.c.amount_minor, 0) == 0,
        sa.func.coalesce(rows.c.credits, 0) == 0,
    )
    reason = sa.func.coalesce(rows.c.kept_by, rows.c.failure_code, "")
    return ~sa.and_(nothing_back, reason.in_([str(one) for one in _NOT_TOLD]))


async def open_first(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    told: MessageTerms,
    *,
    up_at: dt.datetime,
    at_once: bool,
) -> int:
    """Have each client of an expanded job told; how many are.

    Args:
        conn: in the transaction that writes the last of the job's refunds.
        business_id: whose job.
        job_id: the job, whose row is locked.
        told: what the job says of messages.
        up_at: when they are told what is known by then.
        at_once: whether they are told now, and again when all is final.
    """
    if told.clients is ToldBy.NONE:
        return 0
    begun = sa.func.max(sa.case((refunds.c.due_at.is_not(None), 1), else_=0))
    query = (
        sa.select(refunds.c.client_id, begun)
        .where(refunds.c.job_id == job_id, concerns_its_client())
        .group_by(refunds.c.client_id)
        .order_by(refunds.c.client_id)
    )
    at = await clock(conn)
    is_now = at_once or told.when is ToldWhen.ACCEPTED
    rows = [
        (str(uuid7()), client_id, up_at if is_open and not is_now else at)
        for client_id, is_open in (await conn.execute(query)).all()
    ]
    constants = {
        "business_id": business_id,
        "job_id": job_id,
        "kind": MessageKind.CLIENT,
        "edition": 1,
        "status": MessageStatus.PENDING,
        "epoch": 0,
        "tries": 0,
        "created_at": at,
    }
    written = await insert_many(conn, messages, constants, ("id", "addressee", "due_at"), rows)
    if written:
        changes.note_messages()
    return written


def _resting_of(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    # Each client once, however many of these refunds are theirs, and looked up by job and client: a
    # join, or the partial index of what is due, would read all that is open of the job.
    theirs = sa.select(refunds.c.client_id).distinct().where(which).subquery("theirs")
    an_open_one = (
        sa.select(refunds.c.id)
        .where(
            refunds.c.job_id == _OF_JOB,
            refunds.c.client_id == theirs.c.client_id,
            refunds.c.due_at.is_(None).is_(False),
        )
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(theirs.c.client_id).where(an_open_one.is_(None))


# Asked with each group of outcomes, and so made once.
_RESTING_OF_THESE: Final = _resting_of(in_bound_list(refunds.c.id, "refund_ids"))
_RESTING_OF_ALL: Final = _resting_of(refunds.c.job_id == _OF_JOB)
# Due ones too: whoever is composing one has locked it, and is waited for. Else neither that message
# nor a next one would tell of what this transaction writes.
_WAKE: Final = (
    sa.update(messages)
    .where(
        _M.job_id == _OF_JOB,
        _M.kind == MessageKind.CLIENT,
        in_bound_list(_M.addressee, "client_ids"),
        _M.facts.is_(None),
    )
    .values(due_at=now())
    .returning(_M.addressee)
)


async def resting(
    conn: AsyncConnection, job_id: str, refund_ids: Collection[str] | None = None
) -> list[str]:
    """The clients of these refunds, or all of the job, of whose refunds no machine has one."""
    if refund_ids is None:
        rows = await fetch(conn, _RESTING_OF_ALL, {"of_job": job_id})
    else:
        these = {"of_job": job_id, "refund_ids": bound_list(refund_ids)}
        rows = await fetch(conn, _RESTING_OF_THESE, these)
    return sorted(row["client_id"] for row in rows)


async def due_now(conn: AsyncConnection, job_id: str, client_ids: Sequence[str]) -> None:
    """All that is theirs has an end: have these clients told, or told again.

    Whoever was told what is still true is told nothing: that is seen when it is composed.
    """
    if not client_ids:
        return
    theirs = {"of_job": job_id, "client_ids": bound_list(client_ids)}
    woken = {row["addressee"] for row in await fetch(conn, _WAKE, theirs)}
    others = [one for one in client_ids if one not in woken]
    again = await _next_editions(conn, job_id, others) if others else 0
    if woken or again:
        changes.note_messages()


async def _next_editions(conn: AsyncConnection, job_id: str, client_ids: Sequence[str]) -> int:
    """Write one for each of these whose newest has its facts; the others are told of nothing."""
    of_them = (
        _M.job_id == job_id,
        _M.kind == MessageKind.CLIENT,
        in_list(_M.addressee, client_ids),
    )
    newest = sa.select(_M.job_id, _M.addressee, NEWEST.label("edition")).where(*of_them)
    last = newest.group_by(_M.job_id, _M.addressee).subquery()
    told = (
        sa.select(_M.business_id, _M.job_id, _M.kind, _M.addressee, _M.edition + 1)
        .join(
            last,
            sa.and_(
                *(_M[name] == last.c[name] for name in ("job_id", "addressee", "edition")),
            ),
        )
        .where(*of_them, _M.facts.is_not(None))
        .order_by(_M.addressee)
    )
    return await _write_next(conn, (await conn.execute(told)).all())


async def _write_next(conn: AsyncConnection, told: Sequence[Sequence[Any]]) -> int:
    if not told:
        return 0
    at = await clock(conn)
    fresh = {
        "status": MessageStatus.PENDING,
        "due_at": at,
        "epoch": 0,
        "tries": 0,
        "created_at": at,
    }
    rows = [(str(uuid7()), *one) for one in told]
    columns = ("id", "business_id", "job_id", "kind", "addressee", "edition")
    return await insert_many(conn, messages, fresh, columns, rows)


async def tell_staff(
    conn: AsyncConnection, business_id: str, job_id: str, addresses: Sequence[str]
) -> None:
    """Have these told that the job has ended, again if it has ended before."""
    if not addresses:
        return
    newest = (
        sa.select(_M.addressee, NEWEST)
        .where(_M.job_id == job_id, _M.kind == MessageKind.STAFF)
        .group_by(_M.addressee)
    )
    editions: dict[str, int] = dict(map(tuple, (await conn.execute(newest)).all()))
    told = [
        (business_id, job_id, MessageKind.STAFF, one, editions.get(one, 0) + 1)
        for one in sorted(addresses)
    ]
    if await _write_next(conn, told):
        changes.note_messages()


async def ask_staff(
    conn: AsyncConnection, business_id: str, job_id: str, addresses: Sequence[str]
) -> None:
    """Have these asked to approve a job that is written now."""
    told = [(business_id, job_id, MessageKind.APPROVAL, one, 1) for one in sorted(addresses)]
    if await _write_next(conn, told):
        changes.note_messages()


async def of_job(conn: AsyncConnection, job_id: str) -> MessageTerms | None:
    """What the job says of messages; None: nobody is told."""
    document = await conn.scalar(sa.select(jobs.c.messages).where(jobs.c.id == job_id))
    return None if document is None else MessageTerms.of(document)
