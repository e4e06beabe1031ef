"""The lines to return of a plan or of a job.

They are the rule of its terms, or of its policy, put to the database's bookings.
"""

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import Instant, bound_list, in_bound_list, plans_by_values, rows_of_list
from app.db.jobs.entitlements import entitlement_lines
from app.db.jobs.job import Job
from app.db.tables import job_sessions, sessions
from app.db.terms import goodwill, overrides
from app.db.terms import owed_lines as owed
from app.db.terms.owed_lines import TermsShape, owed_lines, shape_of
from app.domain.nouns.terms import Override
from app.domain.owed import terms
from app.domain.owed.terms_document import Document, terms_of


class PolicyShape(NamedTuple):
    """By which policy lines are returned, where no terms say it."""

    include_attended: bool
    policy: int = terms.POLICY


# What decides the text of a statement of lines; what else they depend on are its parameters.
Shape = PolicyShape | TermsShape


class RequestLines(NamedTuple):
    """The lines of sessions still to be had: those that are owed, and all with their grants.

    `given`: the bookings that goodwill is given for; None: the terms give none.
    """

    all: sa.Subquery
    owed: sa.Subquery
    given: sa.Subquery | None


# From so many sessions on a join of whole tables may beat looking up each booking's lines.
_MANY: Final = 400


@cache
def lines_of_any_sessions(shape: Shape) -> RequestLines:
    """What bookings would get back if their sessions were cancelled.

    See `entitlements.entitlement_lines`. Made once, it takes `chosen`.
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
    return _lines_of_request(source, "postgresql", shape)


# As `lines_of_any_sessions`, begun from the list: without statistics SQLite reads all sessions of
# the business instead, by the index in the order of their starts. It reorders no CROSS JOIN.
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
def lines_of_listed_sessions(shape: Shape) -> RequestLines:
    """The same as `lines_of_any_sessions`, on SQLite."""
    return _lines_of_request(_LISTED.cte("chosen"), "sqlite", shape)


@cache
def lines_of_many_sessions(shape: Shape) -> RequestLines:
    """The same as `lines_of_any_sessions`, for a great many.

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
    return _lines_of_request(source, "postgresql", shape)


def are_many(conn: AsyncConnection, count: int) -> bool:
    """Whether so many sessions are enough for `lines_of_many_sessions`.

    They never are where the database can't tell how many they are.
    """
    return count >= _MANY and plans_by_values(conn)


def chosen(business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime) -> dict[str, Any]:
    """What `lines_of_any_sessions` is of: a business's sessions, and when they are cancelled."""
    return {"of_business": business_id, "session_ids": bound_list(session_ids), "as_of": as_of}


def chosen_many(
    business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime
) -> dict[str, Any]:
    """The same for `lines_of_many_sessions`."""
    return {"of_business": business_id, "listed_ids": session_ids, "as_of": as_of}


def lines_of_job(job: Job) -> sa.Subquery:
    """What the bookings of a job's accepted sessions get back.

    It is by the policy, and as at the instant, of the job's acceptance. Made once for all jobs that
    are alike, it takes `parameters`.
    """
    return _of_any_job(shape_of_job(job))


@cache
def _of_any_job(shape: Shape) -> sa.Subquery:
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
    said = overrides.of_job() if isinstance(shape, TermsShape) else None
    lines = _lines(source, "accepted_at", shape, said)
    if gives_goodwill(shape):
        return goodwill.with_grants(lines, goodwill.frozen_bookings(source))
    return lines


def gives_goodwill(shape: Shape) -> bool:
    """Whether some of the lines may be credits on top."""
    return isinstance(shape, TermsShape) and shape.terms.goodwill.credits > 0


def parameters(job: Job, positions: range) -> dict[str, Any]:
    """What `of_job` is of: a job, and places among its accepted sessions."""
    return {
        "of_job": job.id,
        "first_position": positions.start,
        "end_position": positions.stop,
        "accepted_at": job.accepted_at,
        **(owed.parameters(terms_of(job.terms)) if job.terms is not None else {}),
    }


def by_terms(
    document: Document | None, said: Sequence[Override], *, include_attended: bool
) -> tuple[Shape, dict[str, Any]]:
    """What decides the lines of a request, and what they depend on beside its sessions."""
    if document is None:
        return PolicyShape(include_attended), {}
    resolved = terms_of(document)
    parameters = owed.parameters(resolved)
    if said:
        parameters[overrides.GIVEN] = overrides.as_given(said)
    return shape_of(resolved, include_attended=include_attended, overridden=bool(said)), parameters


def shape_of_job(job: Job) -> Shape:
    """What decides a job's lines: its own terms, as they were frozen."""
    if job.terms is None:
        return PolicyShape(job.include_attended, job.policy)
    return shape_of(terms_of(job.terms), include_attended=job.include_attended, overridden=True)


def _of_request(dialect: str, shape: Shape) -> sa.FromClause | None:
    is_said = isinstance(shape, TermsShape) and shape.overridden
    return overrides.of_request(dialect) if is_said else None


def _lines_of_request(source: sa.FromClause, dialect: str, shape: Shape) -> RequestLines:
    said = _of_request(dialect, shape)
    owed_ = _lines(source, "as_of", shape, said)
    if not (isinstance(shape, TermsShape) and gives_goodwill(shape)):
        return RequestLines(owed_, owed_, None)
    instant = sa.bindparam("as_of", type_=Instant)
    given = goodwill.given_bookings(source, instant, shape, said)
    return RequestLines(goodwill.with_grants(owed_, given), owed_, given)


def _lines(
    source: sa.FromClause, as_of: str, shape: Shape, said: sa.FromClause | None
) -> sa.Subquery:
    """The lines by terms, or without any by a policy."""
    instant = sa.bindparam(as_of, type_=Instant)
    if isinstance(shape, TermsShape):
        return owed_lines(source, instant, shape, said)

    def rule(status: str, started: bool, paid: bool) -> str | None:
        return terms.nothing_to_return(
            status,
            started=started,
            include_attended=shape.include_attended,
            paid=paid,
            policy=shape.policy,
        )

    names_kept = shape.policy > terms.FIRST_POLICY
    return entitlement_lines(source, instant, rule, names_kept=names_kept)
