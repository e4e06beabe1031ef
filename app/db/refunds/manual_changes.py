"""What is changed on refunds from outside.

A rejected one is tried again, one that no machine can close is resolved by hand. People do so, and
an upstream's event may have one looked up again that a machine gave up on, or that had succeeded.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, now
from app.db.evidence import links
from app.db.jobs.ceilings import held_back
from app.db.refunds import history
from app.db.refunds.refund import REFUNDS, refund_of
from app.db.tables import refunds
from app.domain.nouns.cancellations import Refund
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.statuses import REOPENED_BY, RETURNED_TWICE, RefundStatus

# The payer's bank has the money: to send it again pays it twice.
DISPUTED: Final = "payment_disputed"


class Standing(NamedTuple):
    """A refund's status, and whether it is at work, held back or returned twice.

    At work: a machine is still at it. Held back: see `ceilings`. Returned twice: see `legs`.
    """

    status: str
    at_work: bool
    is_held_back: bool
    is_returned_twice: bool


async def standing_of(
    conn: AsyncConnection, job_id: str, refund_ids: Sequence[str]
) -> dict[str, Standing]:
    """How those of these refunds stand that the job has."""
    query = sa.select(
        refunds.c.id,
        refunds.c.status,
        refunds.c.due_at.is_not(None),
        held_back(refunds),
        sa.func.coalesce(refunds.c.failure_code, "") == RETURNED_TWICE,
    )
    rows = await conn.execute(
        query.where(refunds.c.job_id == job_id, in_list(refunds.c.id, refund_ids))
    )
    return {id_: Standing(*standing) for id_, *standing in rows.all()}


def _meant(refund_ids: Sequence[str], failure_codes: Sequence[str]) -> sa.ColumnElement[bool]:
    """Refunds of these ids, or of these codes; with neither, all but disputed ones."""
    if refund_ids:
        return in_list(refunds.c.id, refund_ids)
    code = sa.func.coalesce(refunds.c.failure_code, "")
    return in_list(code, failure_codes) if failure_codes else code != DISPUTED


async def try_again(
    conn: AsyncConnection,
    job_id: str,
    *,
    deed: JobDeed,
    refund_ids: Sequence[str] = (),
    failure_codes: Sequence[str] = (),
) -> int:
    """Make the job's rejected refunds that are meant pending; returns how many.

    Those of these ids, or of these codes, are meant; with neither, all but disputed ones. Those
    that are held back stay as they are. Where the upstream had made a refund and that refund
    failed, the next try needs a key of its own: under the old one the upstream would only repeat
    its answer.
    """
    failed_there = refunds.c.upstream_reference.is_not(None)
    statement = (
        sa.update(refunds)
        .where(
            refunds.c.job_id == job_id,
            refunds.c.status == RefundStatus.REJECTED,
            _meant(refund_ids, failure_codes),
        )
        .where(~held_back(refunds))
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
        await _remember(conn, job_id, ids, deed)
    return len(ids)


async def look_again(
    conn: AsyncConnection,
    job_id: str,
    *,
    deed: JobDeed,
    refund_ids: Sequence[str] = (),
    failure_codes: Sequence[str] = (),
) -> int:
    """Have refunds that the machine gave up on looked up again; returns how many.

    Those that are meant, as in `try_again`. Of what was returned twice a look tells nothing new.
    """
    waiting = (RefundStatus.INDETERMINATE, RefundStatus.PROCESSING)
    statement = (
        sa.update(refunds)
        .where(
            refunds.c.job_id == job_id,
            refunds.c.status.in_(waiting),
            refunds.c.due_at.is_(None),
            sa.func.coalesce(refunds.c.failure_code, "") != RETURNED_TWICE,
        )
        .where(_meant(refund_ids, failure_codes))
        .values(
            due_at=now(),
            first_due_at=now(),
            outcome_seq=None,
            settled_at=None,
            epoch=refunds.c.epoch + 1,
            # Sends are counted anew, but it has been sent before: a refusal is believed only after
            # a look.
            attempts=sa.case((refunds.c.attempts > 0, 1), else_=0),
        )
        .returning(refunds.c.id)
    )
    ids = (await conn.execute(statement)).scalars().all()
    if ids:
        await _remember(conn, job_id, ids, deed)
    return len(ids)


async def reopen_success(conn: AsyncConnection, job_id: str, refund_id: str) -> None:
    """Have a refund that had succeeded looked up: Stripe says it has failed since.

    It is at work again, and no success any more, until the look-up says which.
    """
    deed = JobDeed(DeedKind.RETRIED, REOPENED_BY)
    await _reopen(conn, job_id, refund_id, RefundStatus.SUCCEEDED, deed)


async def reopen_replaced(
    conn: AsyncConnection, job_id: str, refund_id: str, deed: JobDeed
) -> None:
    """Have a leg that another has followed looked up: its upstream has spoken of it."""
    await _reopen(conn, job_id, refund_id, RefundStatus.REPLACED, deed)


async def _reopen(
    conn: AsyncConnection, job_id: str, refund_id: str, status: RefundStatus, deed: JobDeed
) -> None:
    statement = (
        sa.update(refunds)
        .where(refunds.c.id == refund_id, refunds.c.status == status)
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
    await _remember(conn, job_id, [refund_id], deed)


async def lock_refund(conn: AsyncConnection, job_id: str, refund_id: str) -> Refund | None:
    """One refund of the job, locked."""
    query = REFUNDS.where(refunds.c.id == refund_id, refunds.c.job_id == job_id).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else refund_of(*row)


async def resolve(
    conn: AsyncConnection,
    refund_id: str,
    *,
    outcome_seq: int,
    code: str,
    detail: str | None,
    reference: str,
    amount_minor: int | None,
    deed: JobDeed,
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
            resolved_amount_minor=amount_minor,
        )
        .returning(refunds.c.job_id)
    )
    job_id = (await conn.execute(statement)).scalar_one()
    await _remember(conn, job_id, [refund_id], deed)


async def _remember(
    conn: AsyncConnection, job_id: str, refund_ids: Sequence[str], deed: JobDeed
) -> None:
    """Remember how these refunds of a locked job are now, and who made them so."""
    written = await history.append(conn, refund_ids, actor=deed.actor)
    await links.add(conn, job_id, deed, written)
