"""The lines to return of a plan or of a job.

They are the policy's rule, put to the database's bookings.
"""

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import Instant, bound_list, in_bound_list, plans_by_values, rows_of_list
from app.db.jobs.entitlements import returns
from app.db.jobs.job import Job
from app.db.tables import job_sessions, sessions
from app.domain import terms

# From so many sessions on a join of whole tables may beat looking up each booking's lines.
_MANY: Final = 400


@cache
def of_any_sessions(*, include_attended: bool) -> sa.Subquery:
    """What bookings would get back if their sessions were cancelled.

    See `entitlements.returns`. Made once, it takes `chosen`.
    """
    source = (
        sa.select(
            sessions.c.business_id,
            sessions.c.id.label("session_id"),
            sa.literal(0).label("position"),
            sessions.c.starts_at,
        )
        .where(
            sessions.c.business_id == sa.bindparam("of_business", type_=sa.Text),
            in_bound_list(sessions.c.id, "session_ids"),
        )
        # The planner must not carry the business over to bookings and lines: of one that it has not
        # counted yet it expects a single row, and would read all of the business's lines again for
        # each booking.
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    return _returns(source, "as_of", include_attended=include_attended)


# As `of_any_sessions`, begun from the list: without statistics SQLite reads all sessions of the
# business instead, by the index in the order of their starts. It reorders no CROSS JOIN.
_LISTED: Final = sa.text("""
SELECT s.business_id, s.id AS session_id, 0 AS position, s.starts_at
FROM json_each(:session_ids) AS c CROSS JOIN sessions AS s \
ON s.business_id = :of_business AND s.id = c.value
""").columns(
    sa.column("business_id", sa.Text),
    sa.column("session_id", sa.Text),
    sa.column("position", sa.Integer),
    sa.column("starts_at", Instant),
)


@cache
def of_listed_sessions(*, include_attended: bool) -> sa.Subquery:
    """The same as `of_any_sessions`, on SQLite."""
    return _returns(_LISTED.cte("chosen"), "as_of", include_attended=include_attended)


@cache
def of_many_sessions(*, include_attended: bool) -> sa.Subquery:
    """The same as `of_any_sessions`, for a great many.

    They are worth a query plan of their own each time.
    """
    # The business is a row and the sessions are an array, so that the planner reckons with how many
    # sessions there are and with businesses as they are on average: of this one its statistics may
    # know nothing yet.
    business = (
        sa.select(sa.bindparam("of_business", type_=sa.Text).label("id"))
        .cte("business")
        .prefix_with("MATERIALIZED")
    )
    named = rows_of_list("listed_ids")
    found = (
        sa.select(
            business.c.id.label("business_id"),
            sessions.c.id.label("session_id"),
            sessions.c.starts_at,
        )
        .select_from(sessions)
        .join(business, sessions.c.business_id == business.c.id)
        .join(named, sessions.c.id == named.c.value)
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    # Bookings are joined to what was found alone. Where nobody has analysed the tables they were
    # joined to the business first, and all its bookings then compared with each session of a long
    # list.
    source = sa.select(
        found.c.business_id, found.c.session_id, sa.literal(0).label("position"), found.c.starts_at
    ).subquery("chosen_of_business")
    return _returns(source, "as_of", include_attended=include_attended)


def are_many(conn: AsyncConnection, count: int) -> bool:
    """Whether so many sessions are enough for `of_many_sessions`.

    They never are where the database can't tell how many they are.
    """
    return count >= _MANY and plans_by_values(conn)


def chosen(business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime) -> dict[str, Any]:
    """What `of_any_sessions` is of: a business's sessions, and when they are cancelled."""
    return {"of_business": business_id, "session_ids": bound_list(session_ids), "as_of": as_of}


def chosen_many(
    business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime
) -> dict[str, Any]:
    """The same for `of_many_sessions`."""
    return {"of_business": business_id, "listed_ids": session_ids, "as_of": as_of}


def of_job(job: Job) -> sa.Subquery:
    """What the bookings of a job's accepted sessions get back.

    It is by the policy, and as at the instant, of the job's acceptance. Made once for all jobs that
    are alike, it takes `parameters`.
    """
    return _of_any_job(include_attended=job.include_attended, in_force=job.policy)


@cache
def _of_any_job(*, include_attended: bool, in_force: int) -> sa.Subquery:
    source = (
        sa.select(
            job_sessions.c.business_id,
            job_sessions.c.session_id,
            job_sessions.c.position,
            job_sessions.c.session_starts_at.label("starts_at"),
        )
        .where(
            job_sessions.c.job_id == sa.bindparam("of_job", type_=job_sessions.c.job_id.type),
            job_sessions.c.position >= sa.bindparam("first_position", type_=sa.Integer),
            job_sessions.c.position < sa.bindparam("end_position", type_=sa.Integer),
        )
        .subquery("accepted")
    )
    return _returns(source, "accepted_at", include_attended=include_attended, in_force=in_force)


def parameters(job: Job, positions: range) -> dict[str, Any]:
    """What `of_job` is of: a job, and places among its accepted sessions."""
    return {
        "of_job": job.id,
        "first_position": positions.start,
        "end_position": positions.stop,
        "accepted_at": job.requested_at,
    }


def _returns(
    source: sa.FromClause, as_of: str, *, include_attended: bool, in_force: int = terms.POLICY
) -> sa.Subquery:
    def rule(status: str, started: bool, paid: bool) -> str | None:
        return terms.nothing_to_return(
            status, started=started, include_attended=include_attended, paid=paid, policy=in_force
        )

    names_kept = in_force > terms.FIRST_POLICY
    return returns(source, sa.bindparam(as_of, type_=Instant), rule, names_kept=names_kept)
