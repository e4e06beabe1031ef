"""The sessions of a job with what became of each, as they were at acceptance."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.core.dialect import in_list
from app.db.core.refund_ranges import in_sessions
from app.db.jobs.acceptances import Outcome
from app.db.jobs.entitlement_totals import LineGroup, line_group, sums
from app.db.jobs.entitlements import is_counted
from app.db.tables import bookings, job_sessions, refunds, sessions
from app.domain.nouns.cancellations import SessionOfJob
from app.domain.statuses import Method, RefundStatus, SessionOutcome


class RefundGroup(NamedTuple):
    """Refunds of a job of one status, method and currency."""

    status: RefundStatus
    is_first: bool  # whether they are first legs, which the totals of acceptance count
    sums: LineGroup


# A build before 0011 did not keep the end: of such a session that has left the schedule none is
# known.
_ENDS_AT: Final = sa.func.coalesce(
    job_sessions.c.session_ends_at, sessions.c.ends_at, job_sessions.c.session_starts_at
)
_COLUMNS: Final = (
    job_sessions.c.outcome,
    job_sessions.c.session_id,
    job_sessions.c.seq,
    job_sessions.c.position,
    job_sessions.c.held_by_job_id,
    job_sessions.c.session_name,
    job_sessions.c.session_starts_at,
    _ENDS_AT.label("ends_at"),
    job_sessions.c.session_timezone,
    job_sessions.c.location,
    job_sessions.c.instructor,
)
_SHOWN: Final = sa.select(*_COLUMNS).outerjoin(
    sessions,
    sa.and_(
        sessions.c.business_id == job_sessions.c.business_id,
        sessions.c.id == job_sessions.c.session_id,
    ),
)
_COUNT_BOOKINGS: Final = (
    sa.update(job_sessions)
    .where(
        job_sessions.c.job_id == sa.bindparam("of_job"),
        job_sessions.c.position >= sa.bindparam("first_position"),
        job_sessions.c.position < sa.bindparam("end_position"),
    )
    .values(
        bookings=sa.select(sa.func.count())
        .where(
            bookings.c.business_id == job_sessions.c.business_id,
            bookings.c.session_id == job_sessions.c.session_id,
            is_counted(by_terms=sa.bindparam("by_terms", type_=sa.Boolean)),
        )
        .scalar_subquery()
    )
)
OF_JOB: Final = sa.bindparam("of_job", type_=refunds.c.job_id.type)
OUTCOME_COUNTS: Final = (  # of the job `of_job`, as `outcome_counts`
    sa.select(job_sessions.c.outcome, sa.func.count().label("count"))
    .where(job_sessions.c.job_id == OF_JOB)
    .group_by(job_sessions.c.outcome)
)
_IS_FIRST: Final = (refunds.c.leg == sa.literal_column("1")).label("is_first")
TALLY: Final = (  # of the job `of_job`, see `tally`
    sa.select(refunds.c.status, _IS_FIRST, refunds.c.method, refunds.c.currency, *sums(refunds))
    .where(refunds.c.job_id == OF_JOB)
    .group_by(refunds.c.status, _IS_FIRST, refunds.c.method, refunds.c.currency)
)


async def store_booking_count(
    conn: AsyncConnection, job_id: str, positions: range, *, by_terms: bool
) -> None:
    """Keep how many bookings the sessions at these positions have, for the audit.

    `by_terms`: the job has terms.
    """
    parameters = {
        "of_job": job_id,
        "first_position": positions.start,
        "end_position": positions.stop,
    }
    await conn.execute(_COUNT_BOOKINGS, parameters | {"by_terms": by_terms})


async def outcomes(conn: AsyncConnection, job_id: str) -> list[Outcome]:
    """Every chosen session's outcome, in start order."""
    query = sa.select(
        job_sessions.c.session_id, job_sessions.c.outcome, job_sessions.c.held_by_job_id
    ).where(job_sessions.c.job_id == job_id)
    rows = (await conn.execute(query.order_by(job_sessions.c.seq))).all()
    return await aside(len(rows), _outcomes, rows)


def _outcomes(rows: Sequence[sa.Row[str, str, str | None]]) -> list[Outcome]:
    return [
        Outcome(session_id, SessionOutcome(outcome), held_by)
        for session_id, outcome, held_by in rows
    ]


async def outcome_counts(
    conn: AsyncConnection, job_ids: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Sessions by outcome, for each of these jobs."""
    query = (
        sa.select(job_sessions.c.job_id, job_sessions.c.outcome, sa.func.count())
        .where(job_sessions.c.job_id.in_(job_ids))
        .group_by(job_sessions.c.job_id, job_sessions.c.outcome)
    )
    counts: dict[str, dict[str, int]] = {job_id: {} for job_id in job_ids}
    for job_id, outcome, count in (await conn.execute(query)).all():
        counts[job_id][outcome] = count
    return counts


async def page(
    conn: AsyncConnection, job_id: str, *, after_seq: int, limit: int
) -> list[SessionOfJob]:
    """A page of the job's sessions in start order."""
    query = _SHOWN.where(job_sessions.c.job_id == job_id, job_sessions.c.seq > after_seq)
    rows = await conn.execute(query.order_by(job_sessions.c.seq).limit(limit))
    return [_session_of_job(*row) for row in rows.all()]


async def one(conn: AsyncConnection, job_id: str, session_id: str) -> SessionOfJob:
    """A session of the job, which has it."""
    query = _SHOWN.where(job_sessions.c.job_id == job_id, job_sessions.c.session_id == session_id)
    return _session_of_job(*(await conn.execute(query)).one())


async def named(
    conn: AsyncConnection, job_id: str, session_ids: Iterable[str]
) -> dict[str, SessionOfJob]:
    """Sessions of the job by these ids."""
    ids = in_list(job_sessions.c.session_id, session_ids)
    rows = await conn.execute(_SHOWN.where(job_sessions.c.job_id == job_id, ids))
    return {one.session_id: one for one in (_session_of_job(*row) for row in rows.all())}


def _session_of_job(outcome: str, *rest: Any) -> SessionOfJob:
    return SessionOfJob(SessionOutcome(outcome), *rest)


async def refund_counts(
    conn: AsyncConnection, job_id: str, positions: range
) -> dict[str, dict[str, int]]:
    """Refunds by status for each of the sessions at these positions.

    Bookings with nothing to return count as `skipped`.
    """
    query = (
        sa.select(refunds.c.session_id, refunds.c.status, sa.func.count())
        .where(
            refunds.c.job_id == job_id,
            in_sessions(refunds.c.id, job_id, positions),
        )
        .group_by(refunds.c.session_id, refunds.c.status)
    )
    counts: dict[str, dict[str, int]] = {}
    for session_id, status, count in (await conn.execute(query)).all():
        counts.setdefault(session_id, {})[status] = count
    return counts


async def tally(conn: AsyncConnection, job_id: str) -> list[RefundGroup]:
    """Counts and sums of the job's refunds by status, method and currency."""
    rows = await conn.execute(TALLY, {"of_job": job_id})
    return [refund_group(*row) for row in rows.all()]


def refund_group(status: str, is_first: bool, *group: Any) -> RefundGroup:
    """The group that a row of `TALLY` is."""
    return RefundGroup(RefundStatus(status), bool(is_first), line_group(*group))


async def any_need_a_person(conn: AsyncConnection, job_id: str) -> bool:
    """Whether a refund rests that was neither returned nor closed."""
    waiting = (
        RefundStatus.REJECTED,
        RefundStatus.INDETERMINATE,
        RefundStatus.PROCESSING,
        RefundStatus.PENDING,
    )
    query = sa.select(
        sa.exists().where(
            refunds.c.job_id == job_id,
            refunds.c.status.in_(waiting),
            refunds.c.method != Method.NONE.value,
        )
    )
    return bool((await conn.execute(query)).scalar_one())
