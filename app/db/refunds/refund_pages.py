"""Reading a job's refunds: pages, and what has come to rest since a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.refund_ranges import in_sessions
from app.db.tables import clients, job_sessions, refunds
from app.domain.refund_ids import LAST


@dataclass(frozen=True, slots=True)
class Filter:
    """Only refunds of this status, client and session; None: of any."""

    status: str | None = None
    client_id: str | None = None
    session_id: str | None = None


async def page(
    conn: AsyncConnection, job_id: str, only: Filter, *, after_id: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """The job's refunds in session order, from the one after `after_id`.

    Those of bookings with nothing to return are among them.
    """
    # The ids of a job are a range, and so are those of a session of it: without it the planner may
    # walk the whole primary key in order.
    positions = range(LAST)
    if only.session_id is not None:
        position = await conn.scalar(
            sa.select(job_sessions.c.position).where(
                job_sessions.c.job_id == job_id, job_sessions.c.session_id == only.session_id
            )
        )
        if position is None:
            return ()
        positions = range(position, position + 1)
    query = sa.select(refunds).where(
        refunds.c.job_id == job_id, in_sessions(refunds.c.id, job_id, positions)
    )
    if only.status is not None:
        query = query.where(refunds.c.status == only.status)
    if only.client_id is not None:
        query = query.where(refunds.c.client_id == only.client_id)
    if after_id is not None:
        query = query.where(refunds.c.id > after_id)
    return (await conn.execute(query.order_by(refunds.c.id).limit(limit))).mappings().all()


async def one(conn: AsyncConnection, job_id: str, refund_id: str) -> sa.RowMapping | None:
    """One refund of the job."""
    query = sa.select(refunds).where(refunds.c.id == refund_id, refunds.c.job_id == job_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def client_of(
    conn: AsyncConnection, business_id: str, client_id: str
) -> sa.RowMapping | None:
    """The name and e-mail address of a client."""
    query = sa.select(clients.c.name, clients.c.email)
    query = query.where(clients.c.business_id == business_id, clients.c.id == client_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def settled_since(
    conn: AsyncConnection, job_id: str, *, seq: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Refunds of the job with an outcome numbered above `seq`, in that order."""
    query = sa.select(refunds).where(refunds.c.job_id == job_id, refunds.c.outcome_seq > seq)
    return (await conn.execute(query.order_by(refunds.c.outcome_seq).limit(limit))).mappings().all()
