"""Writes a batch of records in one short transaction.

It is the same for one PUT and for a slice of an import. Locks come in one order everywhere:
sessions by id, then bookings by id, then clients by id. A booking is changed only while its old and
its new session are locked and seen to be live, so a cancellation never meets a booking half
written.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.db.access import businesses
from app.db.core.engine import Database
from app.db.schedule import bookings, clients, deletions, sessions
from app.domain.nouns.schedule import BARE, ClientFacts
from app.schedule.diff import Changes, CurrentRows, Outcome, diff
from app.schedule.records import AnyRecord, BookingRecord, ClientRecord, SessionRecord

log = structlog.get_logger()

_MAX_RETRIES: Final = 20


class ConcurrentChange(Exception):  # noqa: N818 - the transaction was, and is tried again
    """Another writer created or moved one of the bookings between look and lock."""


async def apply(
    db: Database, business_id: str, business_zone: str, batch: Sequence[AnyRecord]
) -> list[Outcome]:
    """Write what the batch changes, as if record by record.

    Gives the outcome of each, in order. A refused record changes nothing and stops no other. When
    it returns, the changes are committed; when it raises, none is.
    """
    for _turn in range(_MAX_RETRIES):
        try:
            async with db.write() as conn:
                current = await _lock(conn, business_id, batch)
                seen = SeenRecord(
                    frozenset(current.sessions), frozenset(current.clients), current.unseen
                )
                outcomes, changes = await aside(len(batch), diff, batch, current, business_zone)
                await _write(conn, business_id, seen, changes)
        except ConcurrentChange:
            log.info("schedule.overtaken", records=len(batch))
            continue
        return outcomes
    raise ConcurrentChange


class SeenRecord(NamedTuple):
    """The ids of what was there when the batch was locked."""

    sessions: frozenset[str]
    clients: frozenset[str]
    unseen_clients: frozenset[str]  # of whom it is to be written down that they were named


async def _lock(conn: AsyncConnection, business_id: str, batch: Sequence[AnyRecord]) -> CurrentRows:
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
        raise ConcurrentChange
    known_clients = await clients.of_ids(conn, business_id, named_clients)
    settled = await bookings.settled(conn, business_id, booking_ids - known_bookings.keys())
    limit = await businesses.credits_per_line(conn, business_id) if booking_ids else 0
    facts, erased, unseen = known_clients
    return CurrentRows(facts, known_sessions, known_bookings, settled, limit, erased, unseen)


async def _write(
    conn: AsyncConnection, business_id: str, seen: SeenRecord, changes: Changes
) -> None:
    await sessions.write(conn, business_id, changes.sessions)
    came_meanwhile = changes.sessions.keys() - seen.sessions
    if await sessions.any_has_a_job(conn, business_id, came_meanwhile):
        # Made and cancelled by others since we looked: what we know of its bookings is out of date.
        raise ConcurrentChange
    await deletions.go_on_counting(conn, business_id, came_meanwhile)
    await sessions.take_status(conn, business_id, changes.statuses)
    await _write_clients(conn, business_id, seen.clients, changes.clients)
    await clients.note_seen(conn, business_id, seen.unseen_clients - changes.clients.keys())
    await bookings.replace(conn, business_id, changes.changed_bookings)
    if not await bookings.create(conn, business_id, changes.new_bookings):
        raise ConcurrentChange


async def _write_clients(
    conn: AsyncConnection,
    business_id: str,
    seen: frozenset[str],
    changed: Mapping[str, ClientFacts],
) -> None:
    """First those who are new, in the order of their ids, then the others.

    So two writers queue instead of deadlocking.
    """
    new = {id_: facts for id_, facts in changed.items() if id_ not in seen}
    alone = await clients.create(conn, business_id, new)
    if not alone:
        # One was deleted before, and comes back; or somebody made one meanwhile, and knew no less
        # than the id.
        await clients.revive(conn, business_id, new)
    known = {
        id_: facts for id_, facts in changed.items() if id_ in seen or not (alone or facts == BARE)
    }
    await clients.write(conn, business_id, known)
