"""The lines to return of a plan or of a job: the policy's rule, put to the database's bookings."""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import policy
from app.db.dialect import Instant, bound_list, in_bound_list, plans_by_values, rows_of_list
from app.db.returns import returns
from app.db.tables import job_sessions, sessions

# From so many sessions on a join of whole tables may beat looking up each booking's lines.
_MANY: Final = 400


@cache
def of_any_sessions(*, include_attended: bool) -> sa.Subquery:
    """What bookings would get back if their sessions were cancelled (see `db.returns`); made once, takes `chosen`."""
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
        # The planner must not carry the business over to bookings and lines: of one that it has not counted yet it
        # expects a single row, and would read all of the business's lines again for each booking.
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    return returns(source, sa.bindparam("as_of", type_=Instant), _rule(include_attended=include_attended))


@cache
def of_many_sessions(*, include_attended: bool) -> sa.Subquery:
    """The same as `of_any_sessions`, for so many that they are worth a plan of their own each time."""
    # The business is a row and the sessions are an array, so that the planner reckons with how many sessions there are
    # and with businesses as they are on average: of this one its statistics may know nothing yet.
    business = (
        sa.select(sa.bindparam("of_business", type_=sa.Text).label("id")).cte("business").prefix_with("MATERIALIZED")
    )
    named = rows_of_list("listed_ids")
    found = (
        sa.select(sessions.c.id.label("session_id"), sessions.c.starts_at)
        .join(business, sessions.c.business_id == business.c.id)
        .join(named, sessions.c.id == named.c.value)
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    source = (
        sa.select(
            business.c.id.label("business_id"), found.c.session_id, sa.literal(0).label("position"), found.c.starts_at
        )
        .select_from(sa.join(business, found, sa.true()))
        .subquery("chosen_of_business")
    )
    return returns(source, sa.bindparam("as_of", type_=Instant), _rule(include_attended=include_attended))


def are_many(conn: AsyncConnection, count: int) -> bool:
    """Whether so many sessions are enough for `of_many_sessions`, of a database that can tell how many they are."""
    return count >= _MANY and plans_by_values(conn)


def chosen(business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime) -> dict[str, Any]:
    """What `of_any_sessions` is of: sessions of a business, and the instant of their cancellation."""
    return {"of_business": business_id, "session_ids": bound_list(session_ids), "as_of": as_of}


def chosen_many(business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime) -> dict[str, Any]:
    """The same for `of_many_sessions`."""
    return {"of_business": business_id, "listed_ids": session_ids, "as_of": as_of}


@cache
def of_any_job(*, include_attended: bool) -> sa.Subquery:
    """What the bookings of a job's accepted sessions get back, as at its acceptance; made once, takes `parameters`."""
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
    return returns(source, sa.bindparam("accepted_at", type_=Instant), _rule(include_attended=include_attended))


def parameters(job: sa.RowMapping, positions: range) -> dict[str, Any]:
    """What `of_any_job` is of: a job, and places among its accepted sessions."""
    return {
        "of_job": job["id"],
        "first_position": positions.start,
        "end_position": positions.stop,
        "accepted_at": job["requested_at"],
    }


def _rule(*, include_attended: bool) -> Callable[[str, bool, bool], str | None]:
    def rule(status: str, started: bool, paid: bool) -> str | None:
        return policy.nothing_to_return(status, started=started, include_attended=include_attended, paid=paid)

    return rule
