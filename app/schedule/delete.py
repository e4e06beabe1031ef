"""Takes a session, a booking or a client out of the schedule.

What was settled stays in the history of its job. What a job has in process is not deleted: its
bookings are what the refunds are made of.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.engine import Database
from app.db.schedule import bookings, deletions, sessions
from app.errors import NotFound, Problem


async def delete_session(db: Database, business_id: str, session_id: str) -> None:
    """Delete a session and its bookings.

    The job that had cancelled it keeps what became of them.

    Raises:
        NotFound: there is no such session.
        Problem: 409 session-in-process, a job has it in hand.
    """
    async with db.write() as conn:
        await _lock_session(conn, business_id, session_id, "session", to_write=True)
        await deletions.delete_session(conn, business_id, session_id)


async def delete_booking(db: Database, business_id: str, booking_id: str) -> None:
    """Delete a booking with its payment lines.

    Its refunds stay, and so its id is not given anew if it has any.

    Raises:
        NotFound: there is no such booking.
        Problem: 409 session-in-process, a job has its session in hand.
    """
    while not await _deleted_where_it_was(db, business_id, booking_id):
        pass  # it was moved meanwhile: look anew


async def _deleted_where_it_was(db: Database, business_id: str, booking_id: str) -> bool:
    async with db.write() as conn:
        before = await bookings.sessions_of(conn, business_id, [booking_id])
        for session_id in before:
            await _lock_session(conn, business_id, session_id, "booking", to_write=False)
        facts = (await bookings.lock(conn, business_id, [booking_id])).get(booking_id)
        if facts is None:
            raise NotFound("booking")
        if facts.session_id not in before:
            return False
        await deletions.delete_booking(conn, business_id, booking_id)
        return True


async def delete_client(db: Database, business_id: str, client_id: str) -> None:
    """Delete a client who has no booking; audits go on naming whom they named.

    Raises:
        NotFound: there is no such client.
        Problem: 409 client-has-bookings.
    """
    async with db.write() as conn:
        if not await deletions.lock_client(conn, business_id, client_id):
            raise NotFound("client")
        if await deletions.has_bookings(conn, business_id, client_id):
            raise Problem(
                409,
                "client-has-bookings",
                "The client has bookings",
                f"Client {client_id} has bookings in the schedule. Delete those first.",
            )
        await deletions.delete_client(conn, business_id, client_id)


async def _lock_session(
    conn: AsyncConnection, business_id: str, session_id: str, what: str, *, to_write: bool
) -> None:
    locked = await sessions.lock(conn, business_id, [session_id], to_write=to_write)
    known = locked.get(session_id)
    if known is None:
        raise NotFound(what)
    if known.job_id is None:
        return
    if await deletions.is_in_process(conn, business_id, known.job_id):
        raise Problem(
            409,
            "session-in-process",
            "The session is in process",
            f"A bulk cancellation has session {session_id} in hand. Delete it when that has ended.",
            extensions={"session_id": session_id, "job_id": known.job_id},
        )
