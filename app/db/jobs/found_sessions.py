"""The sessions that a request means, and the jobs that have some already.

A job that awaits an approval has its sessions too, though they are still scheduled. They are read
in the order of their ids, and locked in it where they are to be cancelled.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.core.dialect import bound_list, in_bound_list, in_list, now
from app.db.core.driver import Row, fetch
from app.db.jobs.job import AWAITS_APPROVAL
from app.db.tables import job_sessions, jobs, sessions
from app.domain.statuses import JobStatus, SessionStatus


class FoundSession(NamedTuple):
    """What a plan needs to know of a session.

    `job_id` is the job that has cancelled it, or awaits an approval for that; `read_at` is the
    database's clock when it was read.
    """

    status: SessionStatus
    id: str
    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    location: str | None
    job_id: str | None
    read_at: dt.datetime


Holders = Mapping[str, JobStatus]  # of jobs that have sessions, by the job's id

_STATUS: Final = {str(status): status for status in SessionStatus}  # a call for each takes longer
_OF_BUSINESS: Final = (
    sa.select(
        *(
            sessions.c[name]
            for name in ("status", "id", "name", "starts_at", "ends_at", "timezone", "location")
        ),
        sa.cast(sessions.c.job_id, sa.Text).label("job_id"),
        now().label("read_at"),
    )
    .where(sessions.c.business_id == sa.bindparam("of_business"))
    .order_by(sessions.c.id)
)
_BY_ID: Final = _OF_BUSINESS.where(in_bound_list(sessions.c.id, "session_ids"))
_BY_START: Final = _OF_BUSINESS.where(
    sessions.c.starts_at >= sa.bindparam("from_at"), sessions.c.starts_at < sa.bindparam("until_at")
)
_NAMED: Final = {False: _BY_ID, True: _BY_ID.with_for_update()}
_AWAITED: Final = (
    sa.select(job_sessions.c.session_id, sa.cast(jobs.c.id, sa.Text).label("job_id"))
    .join(jobs, jobs.c.id == job_sessions.c.job_id)
    .where(
        jobs.c.business_id == sa.bindparam("of_business"),
        AWAITS_APPROVAL,
        job_sessions.c.position.is_not(None),
    )
)
_IN_RANGE: Final = {False: _BY_START, True: _BY_START.with_for_update()}


async def named_sessions(
    conn: AsyncConnection, business_id: str, session_ids: Sequence[str], *, lock: bool
) -> list[FoundSession]:
    """The sessions of these ids, in id order.

    They are locked in that order, so that two jobs can't deadlock; on SQLite the write transaction
    itself is the lock.
    """
    parameters = {"of_business": business_id, "session_ids": bound_list(session_ids)}
    rows = await fetch(conn, _NAMED[lock], parameters)
    return await aside(len(rows), _found, rows)


async def sessions_in_range(
    conn: AsyncConnection,
    business_id: str,
    from_at: dt.datetime,
    until_at: dt.datetime,
    *,
    lock: bool,
) -> list[FoundSession]:
    """The same of all that start at `from_at` or later, and before `until_at`."""
    parameters = {"of_business": business_id, "from_at": from_at, "until_at": until_at}
    rows = await fetch(conn, _IN_RANGE[lock], parameters)
    return await aside(len(rows), _found, rows)


async def awaited_sessions(
    conn: AsyncConnection, business_id: str, found: list[FoundSession], *, but_for: str | None
) -> list[FoundSession]:
    """The same sessions, with the jobs that await an approval for them, but for one.

    Asked after a lock was had: a session that another transaction just took is read as it is now.
    """
    rows = await fetch(conn, _AWAITED, {"of_business": business_id})
    awaited = {
        session_id: job_id
        for session_id, job_id in (row.values() for row in rows)
        if job_id != but_for
    }
    return await aside(len(found), _awaiting, found, awaited) if awaited else found


async def holders_of(conn: AsyncConnection, found: Sequence[FoundSession]) -> Holders:
    """The jobs that have some of these sessions. Asked after a lock was had, too."""
    holders = {one.job_id for one in found if one.job_id is not None}
    if not holders:
        return {}
    statuses = sa.select(jobs.c.id, jobs.c.status).where(in_list(jobs.c.id, sorted(holders)))
    read = await conn.execute(statuses)
    return {job_id: JobStatus(status) for job_id, status in read.all()}


def _found(rows: Sequence[Row]) -> list[FoundSession]:
    values = (row.values() for row in rows)
    return [FoundSession(_STATUS[status], *rest) for status, *rest in values]


def _awaiting(found: Sequence[FoundSession], awaited: Mapping[str, str]) -> list[FoundSession]:
    return [
        one._replace(job_id=awaited.get(one.id)) if one.status is SessionStatus.SCHEDULED else one
        for one in found
    ]
