"""Reads class sessions with the jobs that cancelled them.

One session by its id, or a page of those that start in a range. A statement is made once for each
form of a question, so that the database keeps a plan for it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.aside import aside
from app.db.core.dialect import Instant, bound_list, in_bound_list, instant_of
from app.db.core.driver import Connection, Row, fetch
from app.db.schedule.sessions import FACTS
from app.db.tables import bookings, jobs, sessions
from app.domain.nouns.schedule import Cancellation, SessionFacts, SessionFilter, SessionRow
from app.domain.statuses import IN_PROCESS, TAKES_A_PLACE, JobStatus, SessionStatus
from app.domain.texts.display_text import searchable

Key = tuple[dt.datetime, str]

# How many columns `session_row` reads; a statement may put its own after them.
COLUMNS = (
    sessions.c.id,
    *(
        sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, Instant) else column
        for column in FACTS
    ),
    sessions.c.status,
    sa.cast(sessions.c.job_id, sa.Text).label("job_id"),
    sa.cast(sessions.c.cancelled_at, sa.Text).label("cancelled_at"),
    sessions.c.revision,
    sa.cast(sessions.c.changed_at, sa.Text).label("changed_at"),
    jobs.c.status.label("job_status"),
    jobs.c.reason,
)
WITH_JOB = sessions.outerjoin(jobs, jobs.c.id == sessions.c.job_id)
_BOOKED = (
    sa.select(sa.func.count())
    .where(
        bookings.c.business_id == sessions.c.business_id,
        bookings.c.session_id == sessions.c.id,
        bookings.c.status.in_([sa.literal_column(f"'{status}'") for status in TAKES_A_PLACE]),
    )
    .scalar_subquery()
)


_STATUSES: Final[Mapping[str, SessionStatus]] = {status.value: status for status in SessionStatus}
_ESCAPE: Final = "/"
_FILTERS: Final[Mapping[str, sa.ColumnElement[bool]]] = {
    "status": sessions.c.status == sa.bindparam("status"),
    "location": sessions.c.location == sa.bindparam("location"),
    "instructor": sessions.c.instructor == sa.bindparam("instructor"),
    "within": in_bound_list(sessions.c.location, "within"),
    "name_part": sessions.c.search_text.contains(
        sa.bindparam("name_part", type_=sa.Text), escape=_ESCAPE
    ),
}


def session_row(row: Sequence[Any]) -> SessionRow:
    """A row of `COLUMNS` as a value."""
    (
        id_,
        name,
        starts_at,
        ends_at,
        *facts,
        status,
        job_id,
        cancelled_at,
        revision,
        changed_at,
        job_status,
        reason,
    ) = row
    cancellation = None
    if job_id is not None:
        cancellation = Cancellation(
            job_id, JobStatus(job_status) in IN_PROCESS, instant_of(cancelled_at), reason
        )
    return SessionRow(
        id_,
        SessionFacts(name, instant_of(starts_at), instant_of(ends_at), *facts),
        _STATUSES[status],
        cancellation,
        revision,
        None if changed_at is None else instant_of(changed_at),
    )


_ONE = (
    sa.select(*COLUMNS)
    .select_from(WITH_JOB)
    .where(
        sessions.c.business_id == sa.bindparam("of_business"),
        sessions.c.id == sa.bindparam("of_id"),
    )
)
_ONE_WITH_BOOKED = _ONE.add_columns(_BOOKED)


async def get(conn: Connection, business_id: str, session_id: str) -> SessionRow | None:
    """One session, or None when the business has no such id."""
    rows = await fetch(conn, _ONE, {"of_business": business_id, "of_id": session_id})
    return session_row(tuple(rows[0].values())) if rows else None


async def get_with_booked(
    conn: Connection, business_id: str, session_id: str
) -> tuple[SessionRow, int] | None:
    """One session with how many bookings take a place in it, or None."""
    rows = await fetch(conn, _ONE_WITH_BOOKED, {"of_business": business_id, "of_id": session_id})
    return _with_booked(rows[0]) if rows else None


async def page(
    conn: Connection,
    business_id: str,
    chosen: SessionFilter,
    *,
    after: Key | None = None,
    limit: int,
) -> list[SessionRow]:
    """Up to `limit` chosen sessions in order of start and id.

    They go on from the one after the key `after`.
    """
    rows = await _rows(conn, business_id, chosen, _SessionForm(), after, limit)
    return await aside(len(rows), _session_rows, rows)


async def latest(
    conn: Connection, business_id: str, chosen: SessionFilter, *, limit: int
) -> list[SessionRow]:
    """Up to `limit` chosen sessions, those that start last first."""
    rows = await _rows(conn, business_id, chosen, _SessionForm(latest_first=True), None, limit)
    return await aside(len(rows), _session_rows, rows)


def _session_rows(rows: Sequence[Row]) -> list[SessionRow]:
    return [session_row(tuple(row.values())) for row in rows]


async def page_with_booked(
    conn: Connection,
    business_id: str,
    chosen: SessionFilter,
    *,
    after: Key | None = None,
    limit: int,
) -> list[tuple[SessionRow, int]]:
    """`page`, each session with how many bookings take a place in it."""
    rows = await _rows(conn, business_id, chosen, _SessionForm(with_booked=True), after, limit)
    return [_with_booked(row) for row in rows]


def _with_booked(row: Row) -> tuple[SessionRow, int]:
    *session, booked = row.values()
    return session_row(session), booked


class _SessionForm(NamedTuple):
    """Which statement reads a page.

    One is made for each form, and planned by the database for that alone.
    """

    with_booked: bool = False
    latest_first: bool = False
    filters: tuple[str, ...] = ()
    goes_on: bool = False


async def _rows(
    conn: Connection,
    business_id: str,
    chosen: SessionFilter,
    form: _SessionForm,
    after: Key | None,
    limit: int,
) -> Sequence[Row]:
    parameters: dict[str, Any] = {
        "status": chosen.status,
        "location": chosen.location,
        "instructor": chosen.instructor,
        "name_part": None if chosen.name_part is None else _escaped(searchable(chosen.name_part)),
        "within": None if chosen.within is None else bound_list(sorted(chosen.within)),
    }
    filters = tuple(name for name, value in parameters.items() if value is not None)
    parameters |= {
        "of_business": business_id,
        "from_at": chosen.from_at,
        "until_at": chosen.until_at,
        "at_most": limit,
    }
    if after is not None:
        parameters |= {"after_at": after[0], "after_id": after[1]}
    statement = _page(form._replace(filters=filters, goes_on=after is not None))
    return await fetch(conn, statement, parameters)


@cache
def _page(form: _SessionForm) -> sa.Select[*tuple[Any, ...]]:
    starts_at, id_ = sessions.c.starts_at, sessions.c.id
    statement = (
        sa.select(*COLUMNS, *((_BOOKED,) if form.with_booked else ()))
        .select_from(WITH_JOB)
        .where(
            sessions.c.business_id == sa.bindparam("of_business"),
            starts_at >= sa.bindparam("from_at"),
            starts_at < sa.bindparam("until_at"),
            *(_FILTERS[name] for name in form.filters),
        )
        .order_by(*((starts_at.desc(), id_.desc()) if form.latest_first else (starts_at, id_)))
        .limit(sa.bindparam("at_most", type_=sa.Integer))
    )
    if form.goes_on:
        after_at = sa.bindparam("after_at", type_=starts_at.type)
        after_id = sa.bindparam("after_id", type_=id_.type)
        statement = statement.where(
            starts_at >= after_at, sa.or_(starts_at > after_at, id_ > after_id)
        )
    return statement


def _escaped(part: str) -> str:
    """As text within a LIKE, where the wildcards stand for themselves."""
    for special in (_ESCAPE, "%", "_"):
        part = part.replace(special, _ESCAPE + special)
    return part
