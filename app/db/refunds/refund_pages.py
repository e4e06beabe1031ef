"""Reading a job's refunds: pages, and what became final since a number."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.refund_ranges import in_sessions
from app.db.refunds.refund import REFUNDS, refund_of
from app.db.tables import job_sessions, refunds
from app.domain.nouns.cancellations import Refund
from app.domain.refund_ids import LAST
from app.domain.statuses import RefundStatus


async def page(
    conn: AsyncConnection,
    job_id: str,
    *,
    status: RefundStatus | None,
    client_id: str | None,
    session_id: str | None,
    after_id: str | None,
    limit: int,
) -> list[Refund]:
    """The job's refunds in session order, from the one after `after_id`.

    Only those of this status, client and session; None: of any.
    Those of bookings with nothing to return are among them.
    """
    # The ids of a job are a range, and so are those of a session of it: without it the planner may
    # walk the whole primary key in order.
    positions = range(LAST)
    if session_id is not None:
        position = await conn.scalar(
            sa.select(job_sessions.c.position).where(
                job_sessions.c.job_id == job_id, job_sessions.c.session_id == session_id
            )
        )
        if position is None:
            return []
        positions = range(position, position + 1)
    query = REFUNDS.where(refunds.c.job_id == job_id, in_sessions(refunds.c.id, job_id, positions))
    if status is not None:
        query = query.where(refunds.c.status == status)
    if client_id is not None:
        query = query.where(refunds.c.client_id == client_id)
    if after_id is not None:
        query = query.where(refunds.c.id > after_id)
    rows = await conn.execute(query.order_by(refunds.c.id).limit(limit))
    return [refund_of(*row) for row in rows.all()]


async def one(conn: AsyncConnection, job_id: str, refund_id: str) -> Refund | None:
    """One refund of the job."""
    query = REFUNDS.where(refunds.c.id == refund_id, refunds.c.job_id == job_id)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else refund_of(*row)


async def settled_since(
    conn: AsyncConnection, job_id: str, *, seq: int, limit: int
) -> list[Refund]:
    """Refunds of the job with an outcome numbered above `seq`, in that order."""
    query = REFUNDS.where(refunds.c.job_id == job_id, refunds.c.outcome_seq > seq)
    rows = await conn.execute(query.order_by(refunds.c.outcome_seq).limit(limit))
    return [refund_of(*row) for row in rows.all()]
