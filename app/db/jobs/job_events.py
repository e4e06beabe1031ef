"""What integrations are told of a job's life: names of things, no more.

Each is published in the transaction that makes it so, at least once: a refund that is tried again
after a failure may fail again or succeed, a job that is retried ends again.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list
from app.db.core.refund_ranges import in_sessions
from app.db.evidence.links import Head
from app.db.jobs import ceilings
from app.db.tables import refunds
from app.db.tables.webhooks import webhook_endpoints
from app.db.webhooks.events import Event, publish
from app.domain.days import instant_text
from app.domain.events import EventType
from app.domain.statuses import NEEDS_A_PERSON, JobAction, JobStatus, RefundStatus

# Of one that rests otherwise there is nothing to tell: nothing was to be returned, or a person
# closed it.
_SUCCEEDED: Final = RefundStatus.SUCCEEDED


async def accepted(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    status: JobStatus,
    session_ids: Sequence[str],
) -> None:
    """A job was accepted, and these sessions are cancelled."""

    def events() -> Iterator[Event]:
        yield Event(EventType.ACCEPTED, {"job_id": job_id, "status": status})
        for session_id in session_ids:
            yield Event(EventType.SESSION_CANCELLED, {"job_id": job_id, "session_id": session_id})

    await publish(conn, business_id, events())


async def approval_requested(
    conn: AsyncConnection, business_id: str, job_id: str, expires_at: dt.datetime
) -> None:
    """A job is above a limit: it waits so long for an approval, and nothing is cancelled yet."""
    data = {
        "job_id": job_id,
        "status": JobStatus.AWAITING_APPROVAL,
        "expires_at": instant_text(expires_at),
    }
    await publish(conn, business_id, [Event(EventType.APPROVAL_REQUESTED, data)])


async def refused(conn: AsyncConnection, business_id: str, job_id: str, because: JobAction) -> None:
    """A job was not approved, or not in time: it has cancelled nothing."""
    data = {"job_id": job_id, "status": JobStatus.REFUSED, "because": because}
    await publish(conn, business_id, [Event(EventType.REFUSED, data)])


async def withdrawn(conn: AsyncConnection, business_id: str, job_id: str) -> None:
    """A job was undone while on hold or before its approval; its sessions are scheduled."""
    await publish(
        conn,
        business_id,
        [Event(EventType.WITHDRAWN, {"job_id": job_id, "status": JobStatus.WITHDRAWN})],
    )


async def ended(
    conn: AsyncConnection, business_id: str, job_id: str, status: JobStatus, head: Head | None
) -> None:
    """A job has ended, or its last failure was mended after that.

    It ends when no machine has anything left to do for it. `head`: the end of its chain, which
    whoever hears of it holds against a database that was set back.
    """
    evidence = None if head is None else {"links": head.links, "link": head.hash}
    data = {"job_id": job_id, "status": status, "evidence": evidence}
    await publish(conn, business_id, [Event(EventType.COMPLETED, data)])


async def held_back(conn: AsyncConnection, business_id: str, job_id: str, positions: range) -> None:
    """Refunds of a job were written; those held back are told of.

    They are of these sessions, and need a person from the start.
    """
    is_heard = sa.exists().where(webhook_endpoints.c.business_id == business_id)
    query = sa.select(refunds.c.id).where(
        is_heard,
        refunds.c.job_id == job_id,
        in_sessions(refunds.c.id, job_id, positions),
        ceilings.held_back(refunds),
    )
    ids = (await conn.execute(query)).scalars().all()
    if ids:
        await refunds_finalised(conn, business_id, ids)


async def refunds_finalised(
    conn: AsyncConnection, business_id: str, refund_ids: Sequence[str]
) -> None:
    """These refunds have changed; those that rest now succeeded, or need a person."""
    columns = ("id", "job_id", "session_id", "booking_id", "client_id", "status", "failure_code")
    query = sa.select(*(refunds.c[name] for name in columns)).where(
        in_list(refunds.c.id, refund_ids),
        refunds.c.due_at.is_(None),
        refunds.c.status.in_((_SUCCEEDED, *sorted(NEEDS_A_PERSON))),
    )
    rows = (await conn.execute(query)).mappings().all()

    def events() -> Iterator[Event]:
        for row in rows:
            data = {"refund_id": row["id"]} | {name: row[name] for name in columns[1:]}
            succeeded = row["status"] == _SUCCEEDED
            kind = EventType.REFUND_SUCCEEDED if succeeded else EventType.REFUND_FAILED
            yield Event(kind, data)

    await publish(conn, business_id, events())
