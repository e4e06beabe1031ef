"""Refund rows come to be, a statement for many, and are counted while a machine has still to touch them."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import now
from app.db.refund_ids import milliseconds
from app.db.tables import WITHDRAWN_LINE, RefundStatus, refunds

_TEXT: Final = sa.Text()


@cache
def _expansion(lines: sa.Subquery, *, withdrawn: bool) -> sa.Insert:
    skipped = sa.true() if withdrawn else lines.c.skip_reason.is_not(None)
    place = sa.bindparam("after_seq", type_=sa.BigInteger) + sa.func.sum(sa.case((skipped, 1), else_=0)).over(
        order_by=lines.c.position, rows=(None, 0)
    )
    job_id = sa.bindparam("of_job", type_=refunds.c.job_id.type)
    ready = now()
    columns = {
        "id": sa.func.refund_id(
            sa.bindparam("milliseconds", type_=sa.BigInteger),
            lines.c.position,
            sa.cast(job_id, _TEXT),
            sa.cast(lines.c.booking_id, _TEXT),
            lines.c.line_no,
            type_=refunds.c.id.type,
        ),
        "business_id": lines.c.business_id,
        "job_id": job_id,
        "session_id": lines.c.session_id,
        "booking_id": lines.c.booking_id,
        "client_id": lines.c.client_id,
        "line_no": lines.c.line_no,
        "method": lines.c.method,
        "payment_id": lines.c.payment_id,
        "amount_minor": lines.c.amount_minor,
        "currency": lines.c.currency,
        "account_id": lines.c.account_id,
        "credits": lines.c.credits,
        "status": sa.case((skipped, RefundStatus.SKIPPED.value), else_=RefundStatus.PENDING.value),
        "due_at": sa.case((skipped, None), else_=ready),
        "first_due_at": ready,
        "epoch": sa.literal(0),
        "attempts": sa.literal(0),
        "key_generation": sa.literal(0),
        "failure_code": sa.literal(WITHDRAWN_LINE, _TEXT) if withdrawn else lines.c.skip_reason,
        "failure_detail": lines.c.skip_reason if withdrawn else sa.cast(sa.null(), _TEXT),
        "outcome_seq": sa.case((skipped, sa.cast(place, sa.BigInteger)), else_=None),
        "settled_at": sa.case((skipped, ready), else_=None),
    }
    return sa.insert(refunds).from_select(list(columns), sa.select(*columns.values()))


async def expand(
    conn: AsyncConnection, job_id: str, lines: sa.Subquery, given: Mapping[str, Any], *, after_seq: int, withdrawn: bool
) -> int:
    """Write the refund rows of `lines` (see `returns`) with their parameters `given`; returns how many.

    Lines that rest from the start get the job's next outcome numbers, from the one after `after_seq`; `withdrawn`: all.

    Raises:
        sqlalchemy.exc.IntegrityError: one of the lines has a refund already.
    """
    own = {"of_job": job_id, "milliseconds": milliseconds(job_id), "after_seq": after_seq}
    return (await conn.execute(_expansion(lines, withdrawn=withdrawn), {**given, **own})).rowcount


def last_outcome_seq(job_id: str, after_seq: int) -> sa.ScalarSelect[int]:
    """The last outcome number given to a refund of the job, or `after_seq` when none was given after it."""
    last = sa.select(sa.func.max(refunds.c.outcome_seq)).where(
        refunds.c.job_id == job_id, refunds.c.outcome_seq > after_seq
    )
    return sa.select(sa.func.coalesce(last.scalar_subquery(), after_seq)).scalar_subquery()


async def count_open(conn: AsyncConnection, job_id: str, *, at_most: int) -> int:
    """How many refunds of the job a machine has still to touch, counted up to `at_most`."""
    some = sa.select(refunds.c.id).where(refunds.c.job_id == job_id, refunds.c.due_at.is_not(None)).limit(at_most)
    return int((await conn.execute(sa.select(sa.func.count()).select_from(some.subquery()))).scalar_one())


async def next_due_in(conn: AsyncConnection, job_id: str, method: str) -> float | None:
    """Seconds until a refund of this job and method is due (0 or less: now), or None when none is open."""
    query = sa.select(sa.func.min(refunds.c.due_at, type_=refunds.c.due_at.type), now()).where(
        refunds.c.job_id == job_id, refunds.c.method == method, refunds.c.due_at.is_not(None)
    )
    due_at, clock = (await conn.execute(query)).one()
    return None if due_at is None else (due_at - clock).total_seconds()
