"""Reading a job's refunds: pages in session order, and what has come to rest since a number."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.refund_ids import LAST, lowest_id
from app.db.tables import refunds


async def page(
    conn: AsyncConnection, job_id: str, *, status: str | None, after_id: str | None, limit: int
) -> Sequence[sa.RowMapping]:
    """The job's refunds in session order, from the one after `after_id`; bookings with nothing to return included."""
    # The ids of a job are a range: without it the planner may walk the whole primary key in order.
    in_range = sa.and_(refunds.c.id >= lowest_id(job_id, 0), refunds.c.id < lowest_id(job_id, LAST))
    query = sa.select(refunds).where(refunds.c.job_id == job_id, in_range)
    if status is not None:
        query = query.where(refunds.c.status == status)
    if after_id is not None:
        query = query.where(refunds.c.id > after_id)
    return (await conn.execute(query.order_by(refunds.c.id).limit(limit))).mappings().all()


async def settled_since(conn: AsyncConnection, job_id: str, *, seq: int, limit: int) -> Sequence[sa.RowMapping]:
    """Refunds of the job whose outcome is numbered above `seq`, in the order of their outcomes."""
    query = sa.select(refunds).where(refunds.c.job_id == job_id, refunds.c.outcome_seq > seq)
    return (await conn.execute(query.order_by(refunds.c.outcome_seq).limit(limit))).mappings().all()
