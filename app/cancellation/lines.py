"""The lines to return of a plan or of a job: the policy's rule, put to the database's bookings."""

import datetime as dt
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from app.cancellation import policy
from app.db.dialect import Instant, in_list
from app.db.returns import returns
from app.db.tables import job_sessions, sessions


def of_sessions(
    business_id: str, session_ids: Sequence[str], *, as_of: dt.datetime, include_attended: bool
) -> sa.Subquery:
    """What the bookings of these sessions would get back if they were cancelled at `as_of` (see `db.returns`)."""
    source = (
        sa.select(
            sessions.c.business_id,
            sessions.c.id.label("session_id"),
            sa.literal(0).label("position"),
            sessions.c.starts_at,
        )
        .where(sessions.c.business_id == business_id, in_list(sessions.c.id, session_ids))
        .subquery("chosen")
    )
    return returns(source, sa.literal(as_of, Instant), _rule(include_attended=include_attended))


def of_job(job: sa.RowMapping, positions: range) -> sa.Subquery:
    """What the bookings of the job's accepted sessions at these positions get back, as at its acceptance."""
    source = (
        sa.select(
            job_sessions.c.business_id,
            job_sessions.c.session_id,
            job_sessions.c.position,
            job_sessions.c.session_starts_at.label("starts_at"),
        )
        .where(
            job_sessions.c.job_id == job["id"],
            job_sessions.c.position >= positions.start,
            job_sessions.c.position < positions.stop,
        )
        .subquery("accepted")
    )
    as_of = sa.literal(job["requested_at"], Instant)
    return returns(source, as_of, _rule(include_attended=job["include_attended"]))


def _rule(*, include_attended: bool) -> Callable[[str, bool, bool], str | None]:
    def rule(status: str, started: bool, paid: bool) -> str | None:
        return policy.nothing_to_return(status, started=started, include_attended=include_attended, paid=paid)

    return rule
