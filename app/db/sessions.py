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


class SessionRow(NamedTuple):
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
_BOOKED = (
    sa.select(sa.func.count())
    .where(
        bookings.c.business_id == sessions.c.business_id,
        bookings.c.session_id == sessions.c.id,
        bookings.c.status.in_([sa.literal_column(f"'{status}'") for status in TAKES_A_PLACE]),
    )
    .scalar_subquery()
)


def session_row(row: Sequence[Any]) -> SessionRow:
    """A row of `COLUMNS` as a value."""
    id_, *facts, status, job_id, cancelled_at, job_status, reason = row
    cancellation = None
    if job_id is not None:
        cancellation = Cancellation(job_id, JobStatus(job_status) in IN_PROCESS, cancelled_at, reason)
    return SessionRow(id_, SessionFacts._make(facts), SessionStatus(status), cancellation)


async def get(conn: AsyncConnection, business_id: str, session_id: str) -> SessionRow | None:
    """One session, or None when the business has no such id."""
    row = (await conn.execute(_one(business_id, session_id))).one_or_none()
    return None if row is None else session_row(row)


async def get_with_booked(conn: AsyncConnection, business_id: str, session_id: str) -> tuple[SessionRow, int] | None:
    """One session with how many bookings take a place in it, or None."""
    row = (await conn.execute(_one(business_id, session_id).add_columns(_BOOKED))).one_or_none()
    return None if row is None else (session_row(row[:-1]), row[-1])


def _one(business_id: str, session_id: str) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(*COLUMNS)
        .select_from(WITH_JOB)
        .where(sessions.c.business_id == business_id, sessions.c.id == session_id)
    )


Key = tuple[dt.datetime, str]

_PAGE = (
    sa.select(*COLUMNS)
    .select_from(WITH_JOB)
    .where(
        sessions.c.business_id == sa.bindparam("of_business"),
        sessions.c.starts_at >= sa.bindparam("from_at"),
        sessions.c.starts_at < sa.bindparam("until_at"),
    )
    .order_by(sessions.c.starts_at, sessions.c.id)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
)
_PAGE_WITH_BOOKED = _PAGE.add_columns(_BOOKED)


async def page(
    conn: AsyncConnection, business_id: str, chosen: Chosen, *, after: Key | None = None, limit: int
) -> list[SessionRow]:
    """Up to `limit` chosen sessions in order of start and id, from the one after the key `after`."""
    rows = await conn.execute(_filtered(_PAGE, chosen, after), _parameters(business_id, chosen, limit))
    return [session_row(row) for row in rows.all()]


async def page_with_booked(
    conn: AsyncConnection, business_id: str, chosen: Chosen, *, after: Key | None = None, limit: int
) -> list[tuple[SessionRow, int]]:
    """`page`, each session with how many bookings take a place in it."""
    rows = await conn.execute(_filtered(_PAGE_WITH_BOOKED, chosen, after), _parameters(business_id, chosen, limit))
    return [(session_row(row[:-1]), row[-1]) for row in rows.all()]


def _parameters(business_id: str, chosen: Chosen, limit: int) -> dict[str, Any]:
    return {"of_business": business_id, "from_at": chosen.from_at, "until_at": chosen.until_at, "at_most": limit}


def _filtered(statement: sa.Select[*tuple[Any, ...]], chosen: Chosen, after: Key | None) -> sa.Select[*tuple[Any, ...]]:
    starts_at, id_ = sessions.c.starts_at, sessions.c.id
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
    return statement


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
