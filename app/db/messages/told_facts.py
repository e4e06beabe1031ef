"""What became of each booking of a job's clients, as their messages tell it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import in_list, now
from app.db.messages.editions import concerns_its_client
from app.db.tables import bookings, choices, job_sessions, jobs, refunds
from app.domain.days import instant_text, session_times
from app.domain.messages.facts import ToldChoice, ToldFacts, ToldLine, ToldSession, ToldState
from app.domain.owed.choice import Choice
from app.domain.owed.terms_document import terms_of
from app.domain.statuses import (
    ALREADY_REFUNDED,
    RETURNED_TWICE,
    WAIVED,
    BookingStatus,
    Method,
    RefundForm,
    RefundStatus,
)

_Row = Mapping[str, Any] | sa.RowMapping
_OF_SESSION: Final = (
    "session_id",
    "session_name",
    "session_starts_at",
    "session_ends_at",
    "session_starts_local",
    "session_timezone",
    "location",
    "instructor",
)
OF_REFUND: Final = (
    "client_id",
    "booking_id",
    "line_no",
    "leg",
    "method",
    "returned_as",
    "status",
    "amount_minor",
    "currency",
    "credits",
    "bonus_minor",
    "kept_amount_minor",
    "kept_credits",
    "failure_code",
    "resolved_amount_minor",
    "expires_after",
    "due_at",
    "choose_until",
)


async def of_clients(
    conn: AsyncConnection, job_id: str, client_ids: Collection[str]
) -> dict[str, ToldFacts]:
    """The facts of these clients of the job; of one whom nothing concerns there are none."""
    terms, reason = (
        await conn.execute(sa.select(jobs.c.terms, jobs.c.reason).where(jobs.c.id == job_id))
    ).one()
    chosen = sa.select(choices.c.client_id).where(choices.c.job_id == job_id)
    decided = set((await conn.execute(chosen)).scalars()) if terms is not None else set()
    rows = (await conn.execute(told_query(job_id, client_ids))).mappings()
    choice = None if terms is None else terms_of(terms).choice
    return facts_of(rows, reason=reason, choice=choice, decided=decided)


def facts_of(
    rows: Iterable[_Row],
    *,
    reason: str | None,
    choice: Choice | None,
    decided: Collection[str] = (),
) -> dict[str, ToldFacts]:
    """The facts of each client of these rows.

    Args:
        rows: of `told_rows`, each client's sessions in their order.
        reason: the public one.
        choice: what clients are asked; None: nothing.
        decided: the clients who have chosen.
    """
    of_client: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        of_client[row["client_id"]].append(row)
    facts = {}
    for client_id, its in of_client.items():
        until = max((one["choose_until"] for one in its if one["may_choose"]), default=None)
        facts[client_id] = ToldFacts(
            sessions=_sessions(its),
            is_final=all(one["due_at"] is None for one in its),
            reason=reason,
            choice=None
            if choice is None or until is None or client_id in decided
            else ToldChoice(
                choice.offer, choice.default, instant_text(until), choice.bonus_basis_points
            ),
        )
    return facts


def told_query(job_id: str, client_ids: Collection[str]) -> sa.Select[Any]:
    """The rows of these clients: those of a booking stand together."""
    return (
        told_rows(refunds, job_sessions, job_sessions.c.job_id == refunds.c.job_id)
        .where(refunds.c.job_id == job_id, in_list(refunds.c.client_id, client_ids))
        .order_by(
            refunds.c.client_id,
            job_sessions.c.seq,
            refunds.c.booking_id,
            refunds.c.line_no,
            refunds.c.leg,
        )
    )


def told_rows(
    rows: sa.FromClause, of_sessions: sa.FromClause, in_one_job: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """What messages tell of refunds, with the sessions and bookings that they are of.

    Args:
        rows: refunds, or what will be some: `OF_REFUND`, `business_id`, `session_id` and `epoch`.
        of_sessions: the job's sessions, or what will be some.
        in_one_job: what joins them beside the session's id.
    """
    untouched = sa.and_(rows.c.status == RefundStatus.PENDING, rows.c.epoch == 0)
    return (
        sa.select(
            *(of_sessions.c[name] for name in _OF_SESSION),
            *(rows.c[name] for name in OF_REFUND),
            sa.and_(rows.c.choose_until > now(), untouched).label("may_choose"),
            bookings.c.status.label("booking_status"),
        )
        .select_from(
            rows.join(
                of_sessions, sa.and_(in_one_job, of_sessions.c.session_id == rows.c.session_id)
            ).outerjoin(
                bookings,
                sa.and_(
                    bookings.c.business_id == rows.c.business_id,
                    bookings.c.id == rows.c.booking_id,
                ),
            )
        )
        .where(concerns_its_client(rows))
    )


def _sessions(rows: Sequence[_Row]) -> tuple[ToldSession, ...]:
    of_booking: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        of_booking[row["session_id"], row["booking_id"]].append(row)
    return tuple(session_of(its) for its in of_booking.values())


def session_of(rows: Sequence[_Row]) -> ToldSession:
    """One booking as its client is told of it, of all of its rows."""
    of = rows[0]
    starts_at, zone = of["session_starts_at"], of["session_timezone"]
    times = session_times(starts_at, of["session_ends_at"] or starts_at, zone, zone)
    return ToldSession(
        session_id=of["session_id"],
        booking_id=of["booking_id"],
        name=of["session_name"],
        starts_at=instant_text(starts_at),
        starts_local=of["session_starts_local"] or times.starts_local,
        ends_local=times.ends_local,
        timezone=zone,
        location=of["location"],
        instructor=of["instructor"],
        booking_status=BookingStatus(of["booking_status"] or BookingStatus.BOOKED),
        lines=tuple(line for row in rows if (line := line_of(row)) is not None),
    )


def line_of(row: _Row) -> ToldLine | None:
    """What is told of a leg; None: nothing."""
    state = _state(row)
    if state is None:
        return None
    amount = row["amount_minor"] or 0
    if row["status"] == RefundStatus.RESOLVED and row["resolved_amount_minor"] is not None:
        amount = row["resolved_amount_minor"]
    expires = row["expires_after"]
    return ToldLine(
        state=state,
        method=Method(row["method"]),
        form=RefundForm(row["returned_as"]),
        amount_minor=amount,
        currency=row["currency"],
        credits=row["credits"] or 0,
        bonus_minor=row["bonus_minor"],
        kept_amount_minor=row["kept_amount_minor"],
        kept_credits=row["kept_credits"],
        expires_after=None if expires is None else instant_text(expires),
    )


def _state(row: _Row) -> ToldState | None:
    """What is told of a leg; None: nothing."""
    status, code = RefundStatus(row["status"]), row["failure_code"] or ""
    # Another leg of the same line is told instead.
    is_left_out = row["leg"] > 1 and status is RefundStatus.SKIPPED
    if row["method"] == Method.NONE or code == RETURNED_TWICE or is_left_out:
        return None
    match status:
        case RefundStatus.REPLACED:
            return None
        case RefundStatus.SUCCEEDED:
            return ToldState.RETURNED
        case RefundStatus.RESOLVED:
            return ToldState.KEPT if code == WAIVED else ToldState.ELSEWHERE
        case RefundStatus.SKIPPED:
            is_elsewhere = code.startswith(ALREADY_REFUNDED)
            return ToldState.ELSEWHERE if is_elsewhere else ToldState.KEPT
        case _:
            is_at_work = row["due_at"] is not None
            return ToldState.UNDER_WAY if is_at_work else ToldState.WITH_A_PERSON
