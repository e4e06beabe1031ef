"""Refund rows come to be, a statement for many, and are counted while open.

One is open while a machine has still to touch it.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import Instant, now
from app.db.core.due_keys import Backlog, backlog
from app.db.jobs import ceilings
from app.db.tables import jobs, refunds
from app.domain.refund_ids import milliseconds
from app.domain.statuses import (
    ALREADY_REFUNDED_HERE,
    OF_CREDITS,
    WITHDRAWN_LINE,
    JobStatus,
    Method,
    RefundStatus,
)

_TEXT: Final = sa.Text()


def rows_of(
    lines: sa.FromClause, *, withdrawn: bool, asks: bool
) -> dict[str, sa.ColumnElement[Any]]:
    """A refund row of each line, by column; `asks`: some wait for what clients choose."""
    is_final = sa.true() if withdrawn else lines.c.skip_reason.is_not(None)
    held_back = sa.false() if withdrawn else lines.c.skip_reason == ALREADY_REFUNDED_HERE
    place = sa.bindparam("after_seq", type_=sa.BigInteger) + sa.func.sum(
        sa.case((is_final, 1), else_=0)
    ).over(order_by=lines.c.position, rows=(None, 0))
    job_id = sa.bindparam("of_job", type_=refunds.c.job_id.type)
    ready = now()
    until = sa.bindparam("choose_until", type_=Instant)
    waits = sa.and_(lines.c.is_asked, lines.c.skip_reason.is_(None)) if asks else None
    due: sa.ColumnElement[Any] = ready
    if waits is not None:  # one that is expanded late is not due in the past
        due = sa.case((sa.and_(waits, until > ready), until), else_=ready)
    return {
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
        "returned_as": lines.c.returned_as,
        "upstream": _upstream_of(lines),
        "method": lines.c.method,
        "payment_id": lines.c.payment_id,
        "amount_minor": lines.c.amount_minor,
        "currency": lines.c.currency,
        "account_id": lines.c.account_id,
        "credits": lines.c.credits,
        "kept_amount_minor": lines.c.kept_amount_minor,
        "kept_credits": lines.c.kept_credits,
        "kept_by": lines.c.kept_by,
        "status": sa.case(
            (held_back, RefundStatus.REJECTED.value),
            (is_final, RefundStatus.SKIPPED.value),
            else_=RefundStatus.PENDING.value,
        ),
        "due_at": sa.case((is_final, None), else_=due),
        "first_due_at": due,
        "choose_until": sa.cast(sa.null(), Instant) if waits is None else sa.case((waits, until)),
        "epoch": sa.literal(0),
        "attempts": sa.literal(0),
        "key_generation": sa.literal(0),
        "failure_code": sa.literal(WITHDRAWN_LINE, _TEXT) if withdrawn else lines.c.skip_reason,
        "failure_detail": lines.c.skip_reason if withdrawn else lines.c.skip_detail,
        "outcome_seq": sa.case((is_final, sa.cast(place, sa.BigInteger)), else_=None),
        "settled_at": sa.case((is_final, ready), else_=None),
    }


def _upstream_of(lines: sa.FromClause) -> sa.ColumnElement[str]:
    as_value = [sa.literal_column(f"'{form}'", _TEXT) for form in OF_CREDITS]
    return sa.case(
        (lines.c.returned_as.in_(as_value), sa.literal_column(f"'{Method.CREDIT}'", _TEXT)),
        else_=lines.c.method,
    )


@cache
def _expansion(lines: sa.Subquery, *, withdrawn: bool, asks: bool) -> sa.Insert:
    rows = rows_of(lines, withdrawn=withdrawn, asks=asks)
    return sa.insert(refunds).from_select(list(rows), sa.select(*rows.values()))


@cache
def _first_claims(returned: sa.Subquery, *, asks: bool) -> sa.Select[int, bool]:
    """Writes what is under no ceiling that was there before.

    As a rule that is all, and then none of it can exceed its own.
    """
    not_held_back = sa.cast(sa.null(), _TEXT).label("skip_detail")
    lines = sa.select(*returned.c, not_held_back).cte("lines").prefix_with("MATERIALIZED")
    wanted, made = ceilings.first_claims(lines)
    # Looked up line by line only where some were there: to join all lines takes as long as to write
    # the ceilings.
    are_all_made = _count(made) == _count(wanted)
    is_made = sa.tuple_(*ceilings.key_columns(lines)).in_(sa.select(*made.c))
    rows = rows_of(lines, withdrawn=False, asks=asks)
    chosen = sa.select(*rows.values()).where(
        sa.or_(lines.c.skip_reason.is_not(None), are_all_made, is_made)
    )
    written = (
        sa.insert(refunds)
        .from_select(list(rows), chosen)
        .returning(refunds.c.line_no)
        .cte("written")
    )
    return sa.select(_count(written).label("written"), are_all_made.label("are_all_made"))


def _count(rows: sa.FromClause) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(rows).scalar_subquery()


@cache
def _left(lines: sa.Subquery) -> sa.Subquery:
    """Those lines that have no row of this job yet.

    A row of another job is no reason to leave one out.
    """
    written = sa.exists().where(
        refunds.c.business_id == lines.c.business_id,
        refunds.c.booking_id == lines.c.booking_id,
        refunds.c.line_no == lines.c.line_no,
        refunds.c.job_id == sa.bindparam("of_job", type_=refunds.c.job_id.type),
    )
    return sa.select(*lines.c).where(~written).subquery("left_over")


async def expand(
    conn: AsyncConnection,
    job_id: str,
    lines: sa.Subquery,
    parameters: Mapping[str, Any],
    *,
    after_seq: int,
    withdrawn: bool,
    choose_until: dt.datetime | None = None,
) -> int:
    """Write the refund rows of `lines`, with their parameters `parameters`; returns how many.

    For `lines` see `entitlements`. What would exceed its ceiling is rejected (see
    `ceilings.held_back`); a withdrawn line claims nothing. Lines that are final from the start get
    the job's next outcome numbers, from the one after `after_seq`; `withdrawn`: all. Until
    `choose_until` clients may choose of those that are asked (`is_asked`); None: nobody is.

    Raises:
        sqlalchemy.exc.IntegrityError: one of the lines has a refund already.
    """
    own = {"of_job": job_id, "milliseconds": milliseconds(job_id), "after_seq": after_seq}
    if withdrawn:
        statement = _expansion(lines, withdrawn=True, asks=False)
        return (await conn.execute(statement, {**parameters, **own})).rowcount
    if asks := choose_until is not None:
        own["choose_until"] = choose_until
    positions = range(parameters["first_position"], parameters["end_position"])
    if conn.dialect.name == "postgresql":
        count, are_all_written = (
            await conn.execute(_first_claims(lines, asks=asks), {**parameters, **own})
        ).one()
        if are_all_written:
            return count
        given = {**parameters, **own}
        return count + await _expand_rest(conn, _left(lines), given, positions, asks=asks)
    await ceilings.observe(conn, lines, parameters)
    written = await conn.execute(
        _expansion(ceilings.within(lines), withdrawn=False, asks=asks), {**parameters, **own}
    )
    await ceilings.claim(conn, job_id, positions)
    return written.rowcount


async def _expand_rest(
    conn: AsyncConnection,
    lines: sa.Subquery,
    parameters: Mapping[str, Any],
    positions: range,
    *,
    asks: bool,
) -> int:
    """Write the rows of lines whose ceilings others have claimed of before.

    Those ceilings are locked first.
    """
    job_id = parameters["of_job"]
    after_seq = await conn.scalar(sa.select(last_outcome_seq(job_id, parameters["after_seq"])))
    await ceilings.observe(conn, lines, parameters)
    statement = _expansion(ceilings.within(lines), withdrawn=False, asks=asks)
    statement = statement.returning(refunds.c.id)
    ids = (await conn.execute(statement, {**parameters, "after_seq": after_seq})).scalars().all()
    await ceilings.claim(conn, job_id, positions, only=ids)
    return len(ids)


def last_outcome_seq(job_id: str, after_seq: int) -> sa.ScalarSelect[int]:
    """The last outcome number of the job's refunds, or `after_seq`.

    The latter when none was given after it.
    """
    last = sa.select(sa.func.max(refunds.c.outcome_seq)).where(
        refunds.c.job_id == job_id, refunds.c.outcome_seq > after_seq
    )
    return sa.select(sa.func.coalesce(last.scalar_subquery(), after_seq)).scalar_subquery()


async def count_open(conn: AsyncConnection, job_id: str, *, at_most: int) -> int:
    """How many of the job's refunds a machine must still touch, up to `at_most`."""
    some = (
        sa.select(refunds.c.id)
        .where(refunds.c.job_id == job_id, refunds.c.due_at.is_not(None))
        .limit(at_most)
    )
    return int(
        (await conn.execute(sa.select(sa.func.count()).select_from(some.subquery()))).scalar_one()
    )


async def next_due_in(conn: AsyncConnection, job_id: str, method: str) -> float | None:
    """Seconds until a refund at this upstream is due; 0 or less: now.

    None: none is open.
    """
    query = sa.select(sa.func.min(refunds.c.due_at, type_=refunds.c.due_at.type), now()).where(
        refunds.c.job_id == job_id,
        refunds.c.upstream == method,
        refunds.c.due_at.is_not(None),
    )
    due_at, clock = (await conn.execute(query)).one()
    return None if due_at is None else (due_at - clock).total_seconds()


async def count_due(conn: AsyncConnection, method: str) -> Backlog:
    """What is due of all jobs that run, at this upstream."""
    running = (
        sa.select(jobs.c.id.label("key"))
        .where(jobs.c.due_at.is_not(None), jobs.c.status == JobStatus.RUNNING)
        .cte("running")
    )

    def is_of(job_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.and_(refunds.c.job_id == job_id, refunds.c.upstream == method)

    return await backlog(conn, running, is_of, refunds.c.due_at)
