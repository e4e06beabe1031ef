"""Reads the schedule for people: sessions with their places taken, bookings with what was returned of them.

Another business's id and an unknown one are the same: not found.
"""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from app.db import bookings, clients, sessions
from app.db.bookings import BookingRow
from app.db.engine import Database
from app.db.sessions import Chosen, SessionRow
from app.db.tables import RefundStatus
from app.errors import NotFound

ON_THE_WAY = frozenset(
    {RefundStatus.PENDING, RefundStatus.SUBMITTED, RefundStatus.INDETERMINATE, RefundStatus.PROCESSING}
)


class SessionView(NamedTuple):
    """A session and how many bookings take a place in it."""

    session: SessionRow
    booked: int


class Sum(NamedTuple):
    """What refunds come to: minor units by currency, in the order of their codes, and credits."""

    amounts: tuple[tuple[str, int], ...]
    credits: int


async def sessions_page(
    db: Database, business_id: str, chosen: Chosen, *, after: tuple[dt.datetime, str] | None, limit: int
) -> list[SessionView]:
    """Up to `limit` chosen sessions in order of start and id, from the one after the key `after`."""
    async with db.glance() as conn:
        rows = await sessions.page_with_booked(conn, business_id, chosen, after=after, limit=limit)
    return [SessionView(*row) for row in rows]


async def session(db: Database, business_id: str, session_id: str) -> SessionView:
    """One session.

    Raises:
        NotFound: the business has no such session.
    """
    async with db.glance() as conn:
        row = await sessions.get_with_booked(conn, business_id, session_id)
    if row is None:
        raise NotFound("session")
    return SessionView(*row)


async def bookings_of_session(
    db: Database, business_id: str, session_id: str, *, after: str | None, limit: int
) -> list[BookingRow]:
    """Up to `limit` bookings of a session in id order, from the one after `after`.

    Raises:
        NotFound: the business has no such session.
    """
    async with db.read() as conn:
        if await sessions.get(conn, business_id, session_id) is None:
            raise NotFound("session")
        return await bookings.of_session(conn, business_id, session_id, after=after, limit=limit)


async def bookings_of_client(
    db: Database, business_id: str, client_id: str, *, before: tuple[dt.datetime, str] | None, limit: int
) -> list[tuple[BookingRow, SessionRow]]:
    """Up to `limit` bookings of a client with their sessions, the latest start first, from the one after `before`.

    Raises:
        NotFound: the business has no such client.
    """
    async with db.read() as conn:
        if not await clients.exists(conn, business_id, client_id):
            raise NotFound("client")
        return await bookings.of_client(conn, business_id, client_id, before=before, limit=limit)


def total(booking: BookingRow, statuses: Collection[RefundStatus]) -> Sum:
    """What the booking's refunds of these statuses come to."""
    amounts: dict[str, int] = {}
    credits = 0  # noqa: A001 - the domain's word
    for refund in booking.refunds:
        if refund.status not in statuses:
            continue
        credits += refund.credits or 0  # noqa: A001
        if refund.currency is not None and refund.amount_minor is not None:
            amounts[refund.currency] = amounts.get(refund.currency, 0) + refund.amount_minor
    return Sum(tuple(sorted(amounts.items())), credits)
