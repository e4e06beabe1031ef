"""What leaves the schedule: rows go, what a job has settled of them stays.

The clients whom that names stay, too.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core import changes
from app.db.core.dialect import in_list, now
from app.db.tables import (
    bookings,
    clients,
    deleted_sessions,
    job_sessions,
    jobs,
    payment_lines,
    sessions,
)
from app.domain.statuses import IN_PROCESS


async def is_in_process(conn: AsyncConnection, business_id: str, job_id: str) -> bool:
    """Whether the job that has cancelled a session still has it in hand."""
    one = sa.exists().where(
        jobs.c.business_id == business_id, jobs.c.id == job_id, jobs.c.status.in_(IN_PROCESS)
    )
    return bool(await conn.scalar(sa.select(one)))


async def delete_session(conn: AsyncConnection, business_id: str, session_id: str) -> None:
    """Delete a session, locked by `sessions.lock` to be written, with its bookings and their lines.

    The job that has it lets go of it, so that another of its id may be chosen again.
    """
    changes.note_schedule(business_id)
    await _delete_bookings(conn, business_id, bookings.c.session_id == session_id)
    await conn.execute(
        sa.update(job_sessions)
        .where(
            job_sessions.c.business_id == business_id,
            job_sessions.c.session_id == session_id,
            job_sessions.c.position.is_not(None),
            job_sessions.c.released_at.is_(None),
        )
        .values(released_at=now())
    )
    it = sa.and_(sessions.c.business_id == business_id, sessions.c.id == session_id)
    names = ["business_id", "id", "revision"]
    kept = sa.select(*(sessions.c[name] for name in names)).where(it)
    await conn.execute(sa.insert(deleted_sessions).from_select(names, kept))
    await conn.execute(sa.delete(sessions).where(it))


async def go_on_counting(conn: AsyncConnection, business_id: str, ids: Collection[str]) -> None:
    """Have sessions made anew go on from the revisions of those that are gone.

    They were just made, and some of their ids had a session before. A calendar that knows the one
    that is gone takes up no event of a lower revision (RFC 5545 §3.8.7.4).
    """
    if not ids:
        return
    gone = sa.delete(deleted_sessions).where(
        deleted_sessions.c.business_id == business_id, in_list(deleted_sessions.c.id, sorted(ids))
    )
    for id_, revision in (
        await conn.execute(gone.returning(deleted_sessions.c.id, deleted_sessions.c.revision))
    ).all():
        made = sa.update(sessions).where(
            sessions.c.business_id == business_id, sessions.c.id == id_
        )
        await conn.execute(made.values(revision=sessions.c.revision + revision + 1))


async def delete_booking(conn: AsyncConnection, business_id: str, booking_id: str) -> None:
    """Delete one booking, locked by `bookings.lock`, with its lines."""
    await _delete_bookings(conn, business_id, bookings.c.id == booking_id)


async def _delete_bookings(
    conn: AsyncConnection, business_id: str, which: sa.ColumnElement[bool]
) -> None:
    chosen = sa.and_(bookings.c.business_id == business_id, which)
    await conn.execute(
        sa.delete(payment_lines).where(
            payment_lines.c.business_id == business_id,
            payment_lines.c.booking_id.in_(sa.select(bookings.c.id).where(chosen)),
        )
    )
    await conn.execute(sa.delete(bookings).where(chosen))


async def lock_client(conn: AsyncConnection, business_id: str, client_id: str) -> bool:
    """Whether the business has this client, locked until the transaction ends.

    Until then nobody gives them a booking.
    """
    statement = (
        sa.select(clients.c.id)
        .where(
            clients.c.business_id == business_id,
            clients.c.id == client_id,
            clients.c.deleted_at.is_(None),
        )
        .with_for_update()
    )
    return (await conn.execute(statement)).first() is not None


async def has_bookings(conn: AsyncConnection, business_id: str, client_id: str) -> bool:
    """Whether the client has a booking of any status."""
    one = sa.select(bookings.c.id).where(
        bookings.c.business_id == business_id, bookings.c.client_id == client_id
    )
    return (await conn.execute(one.limit(1))).first() is not None


async def delete_client(conn: AsyncConnection, business_id: str, client_id: str) -> None:
    """Take a client, locked by `lock_client`, out of the schedule.

    The row stays for the audits that name them.
    """
    await conn.execute(
        sa.update(clients)
        .where(clients.c.business_id == business_id, clients.c.id == client_id)
        .values(deleted_at=now())
    )
