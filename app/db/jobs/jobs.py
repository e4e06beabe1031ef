"""Job rows: idempotency record, state and outbox of a bulk cancellation at once."""

import datetime as dt
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import Id, clock, in_list, is_one_of, later, now
from app.db.core.driver import Connection, fetch
from app.db.jobs.job import COLUMNS, Job, job_of
from app.db.tables import job_sessions, jobs, sessions
from app.domain.statuses import IN_PROCESS, JobStatus, SessionStatus
from app.errors import NotFound

_JOB: Final = sa.select(*COLUMNS)


async def job_of_key(conn: AsyncConnection, business_id: str, idempotency_key: str) -> Job | None:
    """The job that this key made, if any."""
    return await _one(
        conn,
        _JOB.where(jobs.c.business_id == business_id, jobs.c.idempotency_key == idempotency_key),
    )


async def get(
    conn: AsyncConnection, business_id: str, job_id: str, *, lock: bool = False
) -> Job | None:
    """One job of this business.

    `lock` keeps every other writer of the job out until the transaction ends.
    """
    query = _JOB.where(jobs.c.business_id == business_id, jobs.c.id == job_id)
    return await _one(conn, query.with_for_update() if lock else query)


async def existing(
    conn: AsyncConnection, business_id: str, job_id: str, *, lock: bool = False
) -> Job:
    """As `get`, of a job that is to be there.

    Raises:
        NotFound: there is none.
    """
    job = await get(conn, business_id, job_id, lock=lock)
    if job is None:
        raise NotFound("bulk cancellation")
    return job


async def lock_any(conn: AsyncConnection, job_id: str) -> Job | None:
    """The job by id alone, locked: for workers, who serve every business."""
    return await _one(conn, _JOB.where(jobs.c.id == job_id).with_for_update())


_WHOSE: Final = sa.select(jobs.c.business_id).where(jobs.c.id == sa.bindparam("of_job", type_=Id))


async def business_of(conn: Connection, job_id: str) -> str | None:
    """Of which business a job is; None: there is no such job."""
    rows = await fetch(conn, _WHOSE, {"of_job": job_id})
    return str(rows[0]["business_id"]) if rows else None


async def of_id(conn: AsyncConnection, job_id: str) -> Job | None:
    """The job by id alone, for who may know of it by other proof."""
    return await _one(conn, _JOB.where(jobs.c.id == job_id))


async def _one(conn: AsyncConnection, query: sa.Select[Any]) -> Job | None:
    row = (await conn.execute(query)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def is_on_hold(conn: AsyncConnection, job: Job) -> bool:
    """Whether the job is still held, by the database's clock."""
    return (
        job.status is JobStatus.HELD
        and job.hold_until is not None
        and job.hold_until > await clock(conn)
    )


async def newest(
    conn: AsyncConnection,
    business_id: str,
    *,
    statuses: AbstractSet[JobStatus],
    within: Collection[str] | None = None,
    before: str | None,
    limit: int,
) -> list[Job]:
    """Jobs of these statuses newest first, from the one after `before` (an id).

    `within`: only those all of whose sessions were at these locations when they were accepted.
    """
    query = _JOB.where(jobs.c.business_id == business_id)
    if within is not None:
        query = query.where(~_elsewhere(jobs.c.id, within))
    if statuses != set(JobStatus):
        query = query.where(jobs.c.status.in_(sorted(statuses)))
    if before is not None:
        query = query.where(jobs.c.id < before)
    rows = await conn.execute(query.order_by(jobs.c.id.desc()).limit(limit))
    return [job_of(row) for row in rows.mappings()]


def _elsewhere(job_id: sa.ColumnElement[str], locations: Collection[str]) -> sa.Exists:
    """Whether a session of the job was at none of these locations."""
    location = job_sessions.c.location
    return sa.exists().where(
        job_sessions.c.job_id == job_id,
        sa.or_(location.is_(None), sa.not_(in_list(location, sorted(locations)))),
    )


async def is_within(conn: AsyncConnection, job_id: str, locations: Collection[str]) -> bool:
    """Whether all sessions of a job were at these locations when it was accepted."""
    of_job = sa.cast(sa.literal(job_id), Id)
    return not await conn.scalar(sa.select(_elsewhere(of_job, locations)))


async def update(
    conn: AsyncConnection, job_id: str, *, is_shown: bool = False, **values: Any
) -> None:
    """Set columns of one job, as its next version.

    `due_at` alone makes no version: nobody is shown it. `is_shown`: what is written beside it is.
    """
    if is_shown or values.keys() != {"due_at"}:
        values["version"] = jobs.c.version + 1
    await conn.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


async def release_sessions(conn: AsyncConnection, business_id: str, job_id: str) -> None:
    """Undo what `acceptances.write` did to the sessions, if it has cancelled them.

    They are scheduled, and may be chosen again.
    """
    changes.note_schedule(business_id)
    # Locked in the order in which `found_sessions` locks, so that neither
    # waits in a circle.
    await conn.execute(
        sa.select(sessions.c.id)
        .where(sessions.c.business_id == business_id, sessions.c.job_id == job_id)
        .order_by(sessions.c.id)
        .with_for_update()
    )
    await conn.execute(
        sa.update(sessions)
        .where(sessions.c.business_id == business_id, sessions.c.job_id == job_id)
        .values(
            status=SessionStatus.SCHEDULED,
            job_id=None,
            cancelled_at=None,
            revision=sessions.c.revision + 1,
            changed_at=now(),
        )
    )
    await conn.execute(
        sa.update(job_sessions)
        .where(job_sessions.c.job_id == job_id, job_sessions.c.position.is_not(None))
        .values(released_at=now())
    )


async def claim_due(
    conn: AsyncConnection, *, limit: int, grace_seconds: float, skip: Sequence[str] = ()
) -> list[str]:
    """Ids of jobs that are due, longest first.

    Other sweeps leave each alone for `grace_seconds`.
    """
    due = sa.select(jobs.c.id).where(jobs.c.due_at <= now())
    if skip:
        due = due.where(jobs.c.id.not_in(skip))
    due = due.order_by(jobs.c.due_at).limit(limit).with_for_update(skip_locked=True)
    statement = (
        sa.update(jobs)
        .where(is_one_of(jobs.c.id, due))
        .values(due_at=later(grace_seconds))
        .returning(jobs.c.id)
    )
    return list((await conn.execute(statement)).scalars())


async def next_due_in(conn: AsyncConnection) -> float | None:
    """Seconds until some job is due (0 or less: one is); None: none is open."""
    # The WHERE is said for SQLite, which else reads every job there ever was.
    query = sa.select(sa.func.min(jobs.c.due_at, type_=jobs.c.due_at.type), now()).where(
        jobs.c.due_at.is_not(None)
    )
    due_at, clock_now = (await conn.execute(query)).one()
    return None if due_at is None else (due_at - clock_now).total_seconds()


async def open_by_status(conn: AsyncConnection) -> dict[str, int]:
    """How many jobs have not ended, by status."""
    query = (
        sa.select(jobs.c.status, sa.func.count())
        .where(jobs.c.due_at.is_not(None))
        .group_by(jobs.c.status)
    )
    return {row[0]: row[1] for row in (await conn.execute(query)).all()}


async def is_any_under_way(conn: AsyncConnection, business_id: str) -> bool:
    """Whether some job of the business has not ended."""
    under_way = sa.exists().where(jobs.c.business_id == business_id, jobs.c.due_at.is_not(None))
    return bool(await conn.scalar(sa.select(under_way)))


def is_in_process(status: str) -> bool:
    """Whether a job of this status still has its sessions in hand."""
    return JobStatus(status) in IN_PROCESS


def seconds_from_now(seconds: float) -> sa.ColumnElement[dt.datetime]:
    """A value for `due_at`: so many seconds from now by the database's clock."""
    return later(sa.literal(seconds, sa.Float))
