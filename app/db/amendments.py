"""What is changed on refunds from outside: a rejected one tried again, one that no machine can close resolved by hand.

People do so, and an upstream's hint may have one looked up again that a machine gave up on, or that had succeeded.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import history
from app.db.dialect import now
from app.db.tables import RefundStatus, refunds

DOUBTED_BY: Final = "hook:stripe"  # the only one after whose word a success is not the end of a refund's history


async def try_again(conn: AsyncConnection, job_id: str, *, actor: str) -> int:
    """Make the job's rejected refunds pending; returns how many.

    Where the upstream had made a refund and that refund failed, the next try needs a key of its own: under the old
    one the upstream would only repeat its answer.
    """
    failed_there = refunds.c.upstream_reference.is_not(None)
    statement = (
        sa.update(refunds)
        .where(refunds.c.job_id == job_id, refunds.c.status == RefundStatus.REJECTED)
        .values(
            status=RefundStatus.PENDING,
            due_at=now(),
            first_due_at=now(),
            outcome_seq=None,
            settled_at=None,
            epoch=refunds.c.epoch + 1,
            key_generation=refunds.c.key_generation + sa.case((failed_there, 1), else_=0),
        )
        .returning(refunds.c.id)
    )
    ids = (await conn.execute(statement)).scalars().all()
    if ids:
        await history.append(conn, ids, actor=actor)
    return len(ids)


async def look_again(conn: AsyncConnection, job_id: str, *, actor: str, only: str | None = None) -> int:
    """Have refunds that the machine gave up on, with nothing known of them, looked up again; returns how many.

    All of the job's, or the `only` one of this id.
    """
    waiting = (RefundStatus.INDETERMINATE, RefundStatus.PROCESSING)
    chosen = sa.true() if only is None else refunds.c.id == only
    statement = (
        sa.update(refunds)
        .where(refunds.c.job_id == job_id, refunds.c.status.in_(waiting), refunds.c.due_at.is_(None), chosen)
        .values(
            due_at=now(),
            first_due_at=now(),
            outcome_seq=None,
            settled_at=None,
            epoch=refunds.c.epoch + 1,
            # Sends are counted anew, but it has been sent before: a refusal is believed only after a look.
            attempts=sa.case((refunds.c.attempts > 0, 1), else_=0),
        )
        .returning(refunds.c.id)
    )
    ids = (await conn.execute(statement)).scalars().all()
    if ids:
        await history.append(conn, ids, actor=actor)
    return len(ids)


async def doubt(conn: AsyncConnection, refund_id: str) -> None:
    """Have a refund looked up that had succeeded, because Stripe says that it has failed since.

    It is at work again, and no success any more, until the look-up says which.
    """
    statement = (
        sa.update(refunds)
        .where(refunds.c.id == refund_id, refunds.c.status == RefundStatus.SUCCEEDED)
        .values(
            status=RefundStatus.PROCESSING,
            due_at=now(),
            first_due_at=now(),
            outcome_seq=None,
            settled_at=None,
            epoch=refunds.c.epoch + 1,
            attempts=1,  # as in `look_again`
        )
    )
    await conn.execute(statement)
    await history.append(conn, [refund_id], actor=DOUBTED_BY)


async def lock_refund(conn: AsyncConnection, job_id: str, refund_id: str) -> sa.RowMapping | None:
    """One refund of the job, locked."""
    query = sa.select(refunds).where(refunds.c.id == refund_id, refunds.c.job_id == job_id).with_for_update()
    return (await conn.execute(query)).mappings().one_or_none()


async def resolve(
    conn: AsyncConnection,
    refund_id: str,
    *,
    outcome_seq: int,
    code: str,
    detail: str | None,
    reference: str,
    actor: str,
) -> None:
    """Close one refund by hand: no machine will touch it again."""
    statement = (
        sa.update(refunds)
        .where(refunds.c.id == refund_id)
        .values(
            status=RefundStatus.RESOLVED,
            due_at=None,
            epoch=refunds.c.epoch + 1,
            outcome_seq=outcome_seq,
            settled_at=now(),
            failure_code=code,
            failure_detail=detail,
            upstream_reference=reference,
        )
    )
    await conn.execute(statement)
    await history.append(conn, [refund_id], actor=actor)
