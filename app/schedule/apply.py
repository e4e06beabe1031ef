"""Writes a batch of records in one short transaction, the same for one PUT and for a slice of an import.

Locks come in one order everywhere: sessions by id, then bookings by id. A booking is changed only while its old and its
new session are locked and seen to be live, so a cancellation never meets a booking half written.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import bookings, clients, sessions
from app.db.engine import Database
from app.schedule.records import AnyRecord, BookingRecord, ClientRecord, SessionRecord
from app.schedule.walk import Changes, Known, Outcome, walk

log = structlog.get_logger()

_MOST_TURNS: Final = 20


class Overtaken(Exception):  # noqa: N818 - the transaction was, and is tried again
    """Another writer created or moved one of the bookings between the first look and the lock."""


async def apply(db: Database, business_id: str, business_zone: str, batch: Sequence[AnyRecord]) -> list[Outcome]:
    """Write what the batch changes, as if record by record; the outcome of each, in order.

    A refused record changes nothing and stops no other. When it returns, the changes are committed; when it raises,
    none is.
    """
    for _turn in range(_MOST_TURNS):
        try:
            async with db.write() as conn:
                known = await _lock(conn, business_id, batch)
                seen = frozenset(known.sessions)
                outcomes, changes = walk(batch, known, business_zone)
                await _write(conn, business_id, seen, changes)
        except Overtaken:
            log.info("schedule.overtaken", records=len(batch))
            continue
        return outcomes
    raise Overtaken


async def _lock(conn: AsyncConnection, business_id: str, batch: Sequence[AnyRecord]) -> Known:
    described: set[str] = set()
    named_clients: set[str] = set()
    referred: set[str] = set()
    booking_ids: set[str] = set()
    for record in batch:
        if isinstance(record, BookingRecord):
            booking_ids.add(record.id)
            referred.add(record.session_id)
            named_clients.add(record.client_id)
        elif isinstance(record, ClientRecord):
            named_clients.add(record.id)
        else:
            assert isinstance(record, SessionRecord)
            described.add(record.id)
    left = await bookings.sessions_of(conn, business_id, booking_ids)
    to_lock = described | referred | left
    known_sessions = await sessions.lock(conn, business_id, to_lock, to_write=bool(described))
    known_bookings = await bookings.lock(conn, business_id, booking_ids)
    if any(facts.session_id not in to_lock for facts in known_bookings.values()):
        raise Overtaken
    return Known(await clients.of_ids(conn, business_id, named_clients), known_sessions, known_bookings)


async def _write(conn: AsyncConnection, business_id: str, seen: frozenset[str], changes: Changes) -> None:
    await sessions.write(conn, business_id, changes.sessions)
    came_meanwhile = changes.sessions.keys() - seen
    if await sessions.any_cancelled(conn, business_id, came_meanwhile):
        raise Overtaken  # made and cancelled by others since we looked: what we know of its bookings is not so any more
    await clients.write(conn, business_id, changes.clients)
    await bookings.replace(conn, business_id, changes.changed_bookings)
    if not await bookings.create(conn, business_id, changes.new_bookings):
        raise Overtaken
