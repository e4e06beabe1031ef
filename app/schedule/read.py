"""Reads the schedule for people: the business, its sessions and bookings.

Sessions come with their places taken, bookings with what was returned of them. Another business's
id and an unknown one are the same: not found.
"""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from app.db.access import businesses
from app.db.core.engine import Database
from app.db.messages import of_businesses
from app.db.schedule import booking_pages, clients, session_pages
from app.domain.messages.settings import Sender
from app.domain.nouns.schedule import (
    BookingRow,
    BusinessRow,
    ClientRow,
    SessionFilter,
    SessionRow,
)
from app.domain.statuses import RefundForm, RefundStatus
from app.errors import NotFound


class SessionView(NamedTuple):
    """A session and how many bookings take a place in it."""

    session: SessionRow
    booked: int


class ReturnedSum(NamedTuple):
    """What refunds come to, in money and in credits.

    Money is minor units by currency, in the order of their codes.
    """

    amounts: tuple[tuple[str, int], ...]
    credits: int


async def sessions_page(
    db: Database,
    business_id: str,
    chosen: SessionFilter,
    *,
    after: tuple[dt.datetime, str] | None,
    limit: int,
) -> list[SessionView]:
    """Up to `limit` chosen sessions in order of start and id.

    They go on from the one after the key `after`.
    """
    async with db.single() as conn:
        rows = await session_pages.page_with_booked(
            conn, business_id, chosen, after=after, limit=limit
        )
    return [SessionView(*row) for row in rows]


async def business(db: Database, business_id: str) -> tuple[BusinessRow, Sender]:
    """The business itself, and in whose name and language it writes.

    Raises:
        NotFound: there is none.
    """
    async with db.single() as conn:
        row = await businesses.get(conn, business_id)
        return row, Sender.of(await of_businesses.settings(conn, business_id) or {})


async def session(db: Database, business_id: str, session_id: str) -> SessionView:
    """One session.

    Raises:
        NotFound: the business has no such session.
    """
    async with db.single() as conn:
        row = await session_pages.get_with_booked(conn, business_id, session_id)
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
    async with db.single() as conn:
        rows = await booking_pages.of_session(
            conn, business_id, session_id, after=after, limit=limit
        )
        if not rows and await session_pages.get(conn, business_id, session_id) is None:
            raise NotFound("session")
    return rows


async def booking(db: Database, business_id: str, booking_id: str) -> BookingRow:
    """One booking with its refunds.

    Raises:
        NotFound: the business has no such booking.
    """
    async with db.single() as conn:
        row = await booking_pages.get(conn, business_id, booking_id)
    if row is None:
        raise NotFound("booking")
    return row


async def client(db: Database, business_id: str, client_id: str) -> ClientRow:
    """One client.

    Raises:
        NotFound: the business has no such client.
    """
    async with db.single() as conn:
        row = await clients.get(conn, business_id, client_id)
    if row is None:
        raise NotFound("client")
    return row


async def bookings_of_client(
    db: Database,
    business_id: str,
    client_id: str,
    *,
    before: tuple[dt.datetime, str] | None,
    limit: int,
) -> list[tuple[BookingRow, SessionRow]]:
    """Up to `limit` bookings of a client with their sessions.

    The latest start is first; they go on from the one after `before`.

    Raises:
        NotFound: the business has no such client.
    """
    async with db.single() as conn:
        rows = await booking_pages.of_client(
            conn, business_id, client_id, before=before, limit=limit
        )
        if not rows and not await clients.exists(conn, business_id, client_id):
            raise NotFound("client")
    return rows


def total(booking: BookingRow, statuses: Collection[RefundStatus]) -> ReturnedSum:
    """What the booking's refunds of these statuses come to, without what is given on top."""
    amounts: dict[str, int] = {}
    credits = 0  # noqa: A001 - the domain's word
    for refund in booking.refunds:
        if refund.status not in statuses or refund.returned_as == RefundForm.GOODWILL:
            continue
        credits += refund.credits or 0  # noqa: A001
        if refund.currency is not None and refund.amount_minor is not None:
            amounts[refund.currency] = amounts.get(refund.currency, 0) + refund.amount_minor
    return ReturnedSum(tuple(sorted(amounts.items())), credits)
