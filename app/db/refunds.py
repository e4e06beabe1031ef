"""Refund rows come to be and are claimed: a statement or two over many rows each.

A row is only ever claimed when it is due, and a claim raises its epoch: what an earlier claim still hears is then no
longer its to write (`outcomes`).
"""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import history
from app.db.dialect import insert, later, now
from app.db.refund_ids import milliseconds
from app.db.tables import NOT_WITHDRAWN, WITHDRAWN_LINE, RefundStatus, refunds

_TEXT: Final = sa.Text()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A refund that this worker may act on until its lease ends."""

    id: str
    epoch: int
    status: str  # submitted: send it; indeterminate or processing: look it up
    method: str
    payment_id: str | None
    amount_minor: int | None
    currency: str | None
    account_id: str | None
    credits: int | None
    attempts: int
    key_generation: int
    upstream_reference: str | None
    age_seconds: float


async def expand(
    conn: AsyncConnection, job_id: str, lines: sa.Subquery, *, first_seq: int, withdrawn: bool = False
) -> tuple[int, int]:
    """Write the refund rows of `lines` (see `returns`) that are not there yet; `withdrawn`: none to be returned.

    Returns:
        rows written, and the last outcome number given to those that rest from the start (counted from `first_seq`).
    """
    skipped = sa.true() if withdrawn else lines.c.skip_reason.is_not(None)
    place = first_seq + sa.func.sum(sa.case((skipped, 1), else_=0)).over(
        order_by=(lines.c.position, lines.c.booking_id, lines.c.line_no), rows=(None, 0)
    )
    ready = now()
    columns = {
        "id": sa.func.refund_id(
            sa.literal(milliseconds(job_id), sa.BigInteger),
            lines.c.position,
            sa.literal(job_id, _TEXT),
            sa.cast(lines.c.booking_id, _TEXT),
            lines.c.line_no,
            type_=refunds.c.id.type,
        ),
        "business_id": lines.c.business_id,
        "job_id": sa.literal(job_id, refunds.c.job_id.type),
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
    source = sa.select(*columns.values()).where(sa.true())  # SQLite needs a WHERE before ON CONFLICT
    statement = (
        insert(conn, refunds)
        .from_select(list(columns), source)
        .on_conflict_do_nothing(
            # Only a line that is there already is left alone; two refunds that met in one id would be an error.
            index_elements=["business_id", "booking_id", "line_no"],
            index_where=sa.text(NOT_WITHDRAWN),
        )
    )
    written = (await conn.execute(statement)).rowcount
    counts = sa.select(sa.func.count(), sa.func.count(sa.case((skipped, 1)))).select_from(lines)
    promised, resting = (await conn.execute(counts)).one()
    if written != promised:
        # Never in a job's own chunk, which is written once: some other job has a refund of one of these lines.
        raise RuntimeError(f"job {job_id}: {promised - written} lines have a refund already")
    return written, first_seq + resting


def _claim_due(*, postgresql: bool) -> sa.Select[Any]:
    due = (
        sa.select(refunds.c.id)
        .where(
            refunds.c.job_id == sa.bindparam("of_job"),
            refunds.c.method == sa.bindparam("by_method"),
            refunds.c.due_at <= now(),
            refunds.c.first_due_at <= later(-sa.bindparam("waited_seconds", type_=sa.Float)),
        )
        .order_by(refunds.c.due_at, refunds.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    return due.with_for_update(skip_locked=True) if postgresql else due


def _claim(*, postgresql: bool) -> sa.Update:
    due = _claim_due(postgresql=postgresql)
    was = refunds.c.status
    claimed = (
        sa.update(refunds)
        .values(
            # A submitted row that is due again is one whose worker's lease ran out: whether its call landed is unknown.
            status=sa.case(
                (was == RefundStatus.PENDING, RefundStatus.SUBMITTED.value),
                (was == RefundStatus.SUBMITTED, RefundStatus.INDETERMINATE.value),
                else_=was,
            ),
            attempts=refunds.c.attempts + sa.case((was == RefundStatus.PENDING, 1), else_=0),
            epoch=refunds.c.epoch + 1,
            due_at=later(sa.bindparam("lease_seconds", type_=sa.Float)),
            # A look from now on sees what a hint told of. A call may not: its answer under a known key is the first's.
            hinted_at=sa.case((was == RefundStatus.PENDING, refunds.c.hinted_at), else_=None),
        )
        .where(refunds.c.id.in_(due))
    )
    return claimed.returning(
        refunds.c.id,
        refunds.c.epoch,
        refunds.c.status,
        refunds.c.method,
        refunds.c.payment_id,
        refunds.c.amount_minor,
        refunds.c.currency,
        refunds.c.account_id,
        refunds.c.credits,
        refunds.c.attempts,
        refunds.c.key_generation,
        refunds.c.upstream_reference,
        refunds.c.first_due_at,
        now().label("clock"),
    )


_CLAIM = {True: _claim(postgresql=True), False: _claim(postgresql=False)}


async def claim(
    conn: AsyncConnection,
    job_id: str,
    method: str,
    *,
    most: int,
    lease_seconds: float,
    waited_seconds: float = 0.0,
) -> list[Claimed]:
    """Take up to `most` due refunds of one job and method; they are this worker's for `lease_seconds`.

    With `waited_seconds`, only such as have been due for so long already. Pending ones become `submitted`: once this
    commits, a call may be made (rule 2).
    """
    parameters = {
        "of_job": job_id,
        "by_method": method,
        "most": most,
        "lease_seconds": lease_seconds,
        "waited_seconds": waited_seconds,
    }
    rows = (await conn.execute(_CLAIM[conn.dialect.name == "postgresql"], parameters)).all()
    if rows:
        await history.append(conn, (row.id for row in rows), actor="worker")
    return [
        Claimed(
            id=row.id,
            epoch=row.epoch,
            status=row.status,
            method=row.method,
            payment_id=row.payment_id,
            amount_minor=row.amount_minor,
            currency=row.currency,
            account_id=row.account_id,
            credits=row.credits,
            attempts=row.attempts,
            key_generation=row.key_generation,
            upstream_reference=row.upstream_reference,
            age_seconds=(row.clock - row.first_due_at).total_seconds(),
        )
        for row in rows
    ]


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
