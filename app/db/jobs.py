"""Job rows: the idempotency record, the state and the outbox of a bulk cancellation at once."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import in_list, insert, later, now
from app.db.tables import IN_PROCESS, JobStatus, job_sessions, jobs, sessions

Row = sa.RowMapping


async def clock(conn: AsyncConnection) -> dt.datetime:
    """The database's clock."""
    value = (await conn.execute(sa.select(now()))).scalar_one()
    assert isinstance(value, dt.datetime)
    return value


async def by_key(conn: AsyncConnection, business_id: str, idempotency_key: str) -> Row | None:
    """The job that this key made, if any."""
    where = sa.and_(jobs.c.business_id == business_id, jobs.c.idempotency_key == idempotency_key)
    return (await conn.execute(sa.select(jobs).where(where))).mappings().one_or_none()


async def get(conn: AsyncConnection, business_id: str, job_id: str, *, lock: bool = False) -> Row | None:
    """One job of this business; `lock` keeps every other writer of the job out until the transaction ends."""
    query = sa.select(jobs).where(jobs.c.business_id == business_id, jobs.c.id == job_id)
    return (await conn.execute(query.with_for_update() if lock else query)).mappings().one_or_none()


async def lock_any(conn: AsyncConnection, job_id: str) -> Row | None:
    """The job by id alone, locked: for workers, who serve every business."""
    return (await conn.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update())).mappings().one_or_none()


async def newest(
    conn: AsyncConnection, business_id: str, *, status: str | None, before: str | None, limit: int
) -> Sequence[Row]:
    """Jobs newest first, from the one after `before` (an id)."""
    query = sa.select(jobs).where(jobs.c.business_id == business_id)
    if status is not None:
        query = query.where(jobs.c.status == status)
    if before is not None:
        query = query.where(jobs.c.id < before)
    return (await conn.execute(query.order_by(jobs.c.id.desc()).limit(limit))).mappings().all()


async def insert_if_new(conn: AsyncConnection, values: Mapping[str, Any]) -> bool:
    """Write the job unless its key is taken; a concurrent writer of the same key is waited for."""
    statement = (
        insert(conn, jobs)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["business_id", "idempotency_key"])
        .returning(jobs.c.id)
    )
    return (await conn.execute(statement)).first() is not None


async def update(conn: AsyncConnection, job_id: str, **values: Any) -> None:
    """Set columns of one job."""
    await conn.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


async def choose_sessions(
    conn: AsyncConnection,
    business_id: str,
    *,
    within: sa.ColumnElement[bool],
    lock: bool,
) -> Sequence[Row]:
    """The sessions that `within` picks, each with its job's status, locked in id order so that two jobs can't deadlock.

    On SQLite the write transaction itself is the lock.
    """
    query = (
        sa.select(sessions, jobs.c.status.label("job_status"))
        .select_from(sessions.outerjoin(jobs, jobs.c.id == sessions.c.job_id))
        .where(sessions.c.business_id == business_id, within)
        .order_by(sessions.c.id)
    )
    if lock:
        # Two steps: a row that another transaction just cancelled must be read again after its lock was had, with its
        # job, and FOR UPDATE re-checks only the locked table. The second sees those that the first has locked and no
        # other: a session that came in between is not ours.
        locked = await conn.execute(
            sa.select(sessions.c.id)
            .where(sessions.c.business_id == business_id, within)
            .order_by(sessions.c.id)
            .with_for_update()
        )
        query = query.where(in_list(sessions.c.id, locked.scalars()))
    return (await conn.execute(query)).mappings().all()


async def cancel_sessions(conn: AsyncConnection, business_id: str, job_id: str, at: dt.datetime) -> None:
    """Mark the job's accepted sessions cancelled: from the commit on they read so everywhere and take no booking."""
    accepted = sa.select(job_sessions.c.session_id).where(
        job_sessions.c.job_id == job_id, job_sessions.c.position.is_not(None)
    )
    await conn.execute(
        sa.update(sessions)
        .where(sessions.c.business_id == business_id, sessions.c.id.in_(accepted))
        .values(status="cancelled", job_id=job_id, cancelled_at=at)
    )


async def release_sessions(conn: AsyncConnection, business_id: str, job_id: str) -> None:
    """Undo `cancel_sessions`: the sessions are scheduled and may be chosen again."""
    # Locked in the order in which `choose_sessions` locks, so that neither waits for the other in a circle.
    await conn.execute(
        sa.select(sessions.c.id)
        .where(sessions.c.business_id == business_id, sessions.c.job_id == job_id)
        .order_by(sessions.c.id)
        .with_for_update()
    )
    await conn.execute(
        sa.update(sessions)
        .where(sessions.c.business_id == business_id, sessions.c.job_id == job_id)
        .values(status="scheduled", job_id=None, cancelled_at=None)
    )
    await conn.execute(
        sa.update(job_sessions)
        .where(job_sessions.c.job_id == job_id, job_sessions.c.position.is_not(None))
        .values(released_at=now())
    )


async def claim_due(conn: AsyncConnection, *, limit: int, grace_seconds: float, skip: Sequence[str] = ()) -> list[str]:
    """Ids of jobs that are due, longest first; each is left alone by other sweeps for `grace_seconds`."""
    due = sa.select(jobs.c.id).where(jobs.c.due_at <= now())
    if skip:
        due = due.where(jobs.c.id.not_in(skip))
    due = due.order_by(jobs.c.due_at).limit(limit).with_for_update(skip_locked=True)
    statement = (
        sa.update(jobs)
        .where(jobs.c.id.in_(due.scalar_subquery()))
        .values(due_at=later(grace_seconds))
        .returning(jobs.c.id)
    )
    return list((await conn.execute(statement)).scalars())


async def next_due_in(conn: AsyncConnection) -> float | None:
    """Seconds until some job is due (at or below 0: one is), or None when none is open."""
    due_at, clock_now = (
        await conn.execute(sa.select(sa.func.min(jobs.c.due_at, type_=jobs.c.due_at.type), now()))
    ).one()
    return None if due_at is None else (due_at - clock_now).total_seconds()


async def open_by_status(conn: AsyncConnection) -> dict[str, int]:
    """How many jobs have not ended, by status."""
    query = sa.select(jobs.c.status, sa.func.count()).where(jobs.c.due_at.is_not(None)).group_by(jobs.c.status)
    return {row[0]: row[1] for row in (await conn.execute(query)).all()}


def is_in_process(status: str) -> bool:
    """Whether a job of this status still has its sessions in hand."""
    return JobStatus(status) in IN_PROCESS


def seconds_from_now(seconds: float) -> sa.ColumnElement[dt.datetime]:
    """A value for `due_at`: so many seconds from now by the database's clock."""
    return later(sa.literal(seconds, sa.Float))
