"""The promise as queries: each finds the rows that break one of its rules, and finds none while all is well."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db.dialect import later
from app.db.returns import is_counted
from app.db.tables import (
    IN_PROCESS,
    WITHDRAWN_LINE,
    bookings,
    job_sessions,
    jobs,
    payment_lines,
    refund_history,
    refunds,
    sessions,
)

Rows = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule, and a query for (job_id, row_id) of what breaks it; the query takes `business_id`, NULL for all."""

    code: str
    rule: str
    query: Rows


_BUSINESS: Final = sa.bindparam("business_id", type_=sa.String)


def _of(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.or_(_BUSINESS.is_(None), column == _BUSINESS)


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.Text)


def _line_of() -> sa.ColumnElement[bool]:
    return sa.and_(
        payment_lines.c.business_id == refunds.c.business_id,
        payment_lines.c.booking_id == refunds.c.booking_id,
        payment_lines.c.line_no == refunds.c.line_no,
    )


_LINE = sa.tuple_(
    refunds.c.method,
    sa.func.coalesce(refunds.c.payment_id, ""),
    sa.func.coalesce(refunds.c.amount_minor, 0),
    sa.func.coalesce(refunds.c.currency, ""),
    sa.func.coalesce(refunds.c.account_id, ""),
    sa.func.coalesce(refunds.c.credits, 0),
)
_FROZEN = sa.tuple_(
    payment_lines.c.method,
    sa.func.coalesce(payment_lines.c.payment_id, ""),
    sa.func.coalesce(payment_lines.c.amount_minor, 0),
    sa.func.coalesce(payment_lines.c.currency, ""),
    sa.func.coalesce(payment_lines.c.account_id, ""),
    sa.func.coalesce(payment_lines.c.credits, 0),
)
_ENDED = jobs.c.status.in_(("completed", "completed_with_failures"))


def _withdrawn() -> sa.ColumnElement[bool]:
    return sa.and_(refunds.c.status == "skipped", sa.func.coalesce(refunds.c.failure_code, "") == WITHDRAWN_LINE)


def _amounts_differ() -> Rows:
    return (
        sa.select(_text(refunds.c.job_id), _text(refunds.c.id))
        .select_from(refunds.outerjoin(payment_lines, _line_of()))
        .where(
            refunds.c.line_no > 0,
            ~_withdrawn(),
            sa.or_(payment_lines.c.line_no.is_(None), _LINE != _FROZEN),
            _of(refunds.c.business_id),
        )
    )


def _ended_but_open() -> Rows:
    return (
        sa.select(_text(refunds.c.job_id), _text(refunds.c.id))
        .select_from(refunds.join(jobs, jobs.c.id == refunds.c.job_id))
        .where(_ENDED, refunds.c.due_at.is_not(None), _of(refunds.c.business_id))
    )


def _ended_unexpanded() -> Rows:
    return sa.select(_text(jobs.c.id), _text(jobs.c.id)).where(
        _ENDED, jobs.c.expanded_sessions != jobs.c.accepted_sessions, _of(jobs.c.business_id)
    )


def _totals_differ() -> Rows:
    """Jobs whose refund rows are not as many as were promised."""
    count = sa.select(sa.func.count()).where(refunds.c.job_id == jobs.c.id).scalar_subquery()
    promised = jobs.c.totals["refunds"].as_integer() + jobs.c.totals["nothing_to_return"].as_integer()
    return sa.select(_text(jobs.c.id), _text(jobs.c.id)).where(
        jobs.c.expanded_sessions == jobs.c.accepted_sessions,
        count != promised,
        _of(jobs.c.business_id),
    )


def _line_without_refund() -> Rows:
    """Bookings of accepted sessions, line by line, that an expanded job has neither a refund nor a reason for."""
    settled = sa.exists().where(
        refunds.c.business_id == bookings.c.business_id,
        refunds.c.booking_id == bookings.c.id,
        refunds.c.job_id == job_sessions.c.job_id,
        sa.or_(refunds.c.line_no == 0, refunds.c.line_no == payment_lines.c.line_no),
    )
    source = (
        job_sessions.join(jobs, jobs.c.id == job_sessions.c.job_id)
        .join(
            bookings,
            sa.and_(
                bookings.c.business_id == job_sessions.c.business_id,
                bookings.c.session_id == job_sessions.c.session_id,
            ),
        )
        .outerjoin(
            payment_lines,
            sa.and_(payment_lines.c.business_id == bookings.c.business_id, payment_lines.c.booking_id == bookings.c.id),
        )
    )
    return (
        sa.select(_text(job_sessions.c.job_id), bookings.c.id)
        .select_from(source)
        .where(
            job_sessions.c.released_at.is_(None),
            job_sessions.c.position < jobs.c.expanded_sessions,
            is_counted(),
            ~settled,
            _of(job_sessions.c.business_id),
        )
    )


def _effect_without_intent() -> Rows:
    """Refunds that came to an upstream outcome without `submitted` having been committed before."""
    intent = sa.exists().where(refund_history.c.refund_id == refunds.c.id, refund_history.c.status == "submitted")
    return sa.select(_text(refunds.c.job_id), _text(refunds.c.id)).where(
        refunds.c.status.in_(("succeeded", "processing", "rejected")), ~intent, _of(refunds.c.business_id)
    )


def _history_disagrees() -> Rows:
    """Refunds whose last remembered state is not the one they are in (never remembered: not yet touched)."""
    last = (
        sa.select(refund_history.c.status)
        .where(refund_history.c.refund_id == refunds.c.id)
        .order_by(refund_history.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    untouched = sa.case((sa.or_(refunds.c.line_no == 0, _withdrawn()), "skipped"), else_="pending")
    return sa.select(_text(refunds.c.job_id), _text(refunds.c.id)).where(
        sa.func.coalesce(last, untouched) != refunds.c.status, _of(refunds.c.business_id)
    )


def _lease_overdue(overdue_seconds: float) -> Rows:
    return (
        sa.select(_text(jobs.c.id), _text(jobs.c.id))
        .where(jobs.c.due_at.is_not(None), jobs.c.status.in_(IN_PROCESS), _of(jobs.c.business_id))
        .where(_older(jobs.c.due_at, overdue_seconds))
    )


def _older(column: sa.ColumnElement[Any], seconds: float) -> sa.ColumnElement[bool]:
    return column < later(sa.literal(-seconds, sa.Float))


def _session_disagrees() -> Rows:
    """Accepted sessions that the schedule does not show as cancelled by that job."""
    return (
        sa.select(_text(job_sessions.c.job_id), job_sessions.c.session_id)
        .select_from(
            job_sessions.join(
                sessions,
                sa.and_(
                    sessions.c.business_id == job_sessions.c.business_id, sessions.c.id == job_sessions.c.session_id
                ),
            )
        )
        .where(
            job_sessions.c.position.is_not(None),
            job_sessions.c.released_at.is_(None),
            sa.or_(sessions.c.status != "cancelled", sessions.c.job_id.is_distinct_from(job_sessions.c.job_id)),
            _of(job_sessions.c.business_id),
        )
    )


def _cancelled_by_stranger() -> Rows:
    """Cancelled sessions whose job never accepted them, or has let go of them."""
    accepted = sa.exists().where(
        job_sessions.c.job_id == sessions.c.job_id,
        job_sessions.c.session_id == sessions.c.id,
        job_sessions.c.position.is_not(None),
        job_sessions.c.released_at.is_(None),
    )
    return sa.select(_text(sessions.c.job_id), sessions.c.id).where(
        sessions.c.status == "cancelled", ~accepted, _of(sessions.c.business_id)
    )


def invariants(*, overdue_seconds: float) -> list[Invariant]:
    """All of them; a job overdue by `overdue_seconds` has been forgotten by every sweep."""
    return [
        Invariant("totals", "An expanded job has a refund or a reason for every line it promised.", _totals_differ()),
        Invariant("line", "Each line of an accepted booking has one refund or a reason.", _line_without_refund()),
        Invariant("amount", "A refund returns exactly its payment line.", _amounts_differ()),
        Invariant("ended-open", "An ended job has no open refund.", _ended_but_open()),
        Invariant("ended-unexpanded", "An ended job has all its refund rows.", _ended_unexpanded()),
        Invariant("intent", "No effect without an intent committed before.", _effect_without_intent()),
        Invariant("history", "A refund is in the state its history ends with.", _history_disagrees()),
        Invariant("overdue", "No open job is overdue by more than two sweeps.", _lease_overdue(overdue_seconds)),
        Invariant("session", "Every accepted session reads cancelled by its job.", _session_disagrees()),
        Invariant("stranger", "A session is cancelled by a job that accepted it.", _cancelled_by_stranger()),
    ]
