"""Class sessions: read in start order, locked in id order. Nothing here cancels one or makes a cancelled one live.

A booking is written only while its session is share-locked; a cancellation takes the same rows for update. So a
booking either is seen by the cancellation or sees it.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.dialect import in_list
from app.db.many import insert_many
from app.db.tables import IN_PROCESS, TAKES_A_PLACE, JobStatus, SessionStatus, bookings, jobs, sessions


class SessionFacts(NamedTuple):  # a tuple, because an import makes millions of them
    """What the platform says of a session."""

    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    location: str | None
    instructor: str | None
    capacity: int | None


class KnownSession(NamedTuple):
    """A session with what this service says of it: the job that cancelled it, or None."""

    facts: SessionFacts
    job_id: str | None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who cancelled a session, and whether its refunds are still under way."""

    job_id: str
    in_process: bool
    cancelled_at: dt.datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is read."""

    id: str
    facts: SessionFacts
    status: SessionStatus
    cancellation: Cancellation | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which sessions to read: those that start in [from_at, until_at) and match every filter that is given."""

    from_at: dt.datetime
    until_at: dt.datetime
    status: SessionStatus | None = None
    location: str | None = None
    instructor: str | None = None
    name_part: str | None = None


_FACTS = tuple(sessions.c[name] for name in SessionFacts._fields)
# How many columns `session_row` reads; a statement may put its own after them.
COLUMNS = (
    sessions.c.id,
    *_FACTS,
    sessions.c.status,
    sessions.c.job_id,
    sessions.c.cancelled_at,
    jobs.c.status,
    jobs.c.reason,
)
WITH_JOB = sessions.outerjoin(jobs, jobs.c.id == sessions.c.job_id)


def session_row(row: Sequence[Any]) -> SessionRow:
    """A row of `COLUMNS` as a value."""
    id_, *facts, status, job_id, cancelled_at, job_status, reason = row
    cancellation = None
    if job_id is not None:
        cancellation = Cancellation(job_id, JobStatus(job_status) in IN_PROCESS, cancelled_at, reason)
    return SessionRow(id_, SessionFacts(*facts), SessionStatus(status), cancellation)


async def get(conn: AsyncConnection, business_id: str, session_id: str) -> SessionRow | None:
    """One session, or None when the business has no such id."""
    statement = (
        sa.select(*COLUMNS)
        .select_from(WITH_JOB)
        .where(sessions.c.business_id == business_id, sessions.c.id == session_id)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else session_row(row)


async def page(
    conn: AsyncConnection,
    business_id: str,
    chosen: Chosen,
    *,
    after: tuple[dt.datetime, str] | None = None,
    limit: int,
) -> list[SessionRow]:
    """Up to `limit` chosen sessions in order of start and id, from the one after the key `after`."""
    starts_at, id_ = sessions.c.starts_at, sessions.c.id
    statement = (
        sa.select(*COLUMNS)
        .select_from(WITH_JOB)
        .where(sessions.c.business_id == business_id, starts_at >= chosen.from_at, starts_at < chosen.until_at)
        .order_by(starts_at, id_)
        .limit(limit)
    )
    if chosen.status is not None:
        statement = statement.where(sessions.c.status == chosen.status)
    if chosen.location is not None:
        statement = statement.where(sessions.c.location == chosen.location)
    if chosen.instructor is not None:
        statement = statement.where(sessions.c.instructor == chosen.instructor)
    if chosen.name_part is not None:
        statement = statement.where(sessions.c.name.icontains(chosen.name_part, autoescape=True))
    if after is not None:
        statement = statement.where(starts_at >= after[0], sa.or_(starts_at > after[0], id_ > after[1]))
    return [session_row(row) for row in await conn.execute(statement)]


async def booked(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> dict[str, int]:
    """How many bookings take a place in each session; a session with none is left out."""
    if not ids:
        return {}
    statement = (
        sa.select(bookings.c.session_id, sa.func.count())
        .where(
            bookings.c.business_id == business_id,
            in_list(bookings.c.session_id, ids),
            bookings.c.status.in_(TAKES_A_PLACE),
        )
        .group_by(bookings.c.session_id)
    )
    return {id_: count for id_, count in await conn.execute(statement)}  # noqa: C416 - rows, not pairs


async def lock(
    conn: AsyncConnection, business_id: str, ids: Collection[str], *, to_write: bool
) -> dict[str, KnownSession]:
    """Those of `ids` that exist, locked in id order until the transaction ends, as they are under the lock.

    `to_write` locks them for a change of the sessions themselves, else they are shared with other writers of bookings.
    SQLite has no row locks and needs none: its writers come one at a time.
    """
    if not ids:
        return {}
    statement = (
        sa.select(sessions.c.id, *_FACTS, sessions.c.job_id)
        .where(sessions.c.business_id == business_id, in_list(sessions.c.id, ids))
        .order_by(sessions.c.id)
        .with_for_update(read=not to_write, key_share=to_write)
    )
    rows = await conn.execute(statement)
    return {id_: KnownSession(SessionFacts(*facts), job_id) for id_, *facts, job_id in rows}


async def any_cancelled(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> bool:
    """Whether one of these is cancelled."""
    if not ids:
        return False
    cancelled = sa.exists().where(
        sessions.c.business_id == business_id,
        in_list(sessions.c.id, sorted(ids)),
        sessions.c.status == SessionStatus.CANCELLED,
    )
    return bool((await conn.execute(sa.select(cancelled))).scalar_one())


async def write(conn: AsyncConnection, business_id: str, changed: Mapping[str, SessionFacts]) -> None:
    """Create or describe anew; a status is never touched."""
    await insert_many(
        conn,
        sessions,
        {"business_id": business_id, "status": SessionStatus.SCHEDULED},
        ("id", *SessionFacts._fields),
        [(id_, *facts) for id_, facts in sorted(changed.items())],
        replacing=SessionFacts._fields,
    )
