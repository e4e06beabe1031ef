"""Accepting thousands of sessions at once, against the same rows by hand.

Nobody has analysed the databases. By the step alone, without HTTP: both are one transaction, from
BEGIN to COMMIT.
"""

import asyncio
import json
import sqlite3
import time
import uuid
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

import asyncpg
import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.accept import BY_HAND, FREE, UNDO
from benchmarks.bench import Bench, Kind
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns

from app.cancellation import accept
from app.cancellation.request import Request
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.queue import LocalQueue

_BUSINESS: Final = "many"
_BOOKINGS_EACH: Final = 10
_GOALS: Final[dict[Kind, float]] = {"sqlite": 1.6, "postgresql": 1.2}
_CALLED: Final[dict[Kind, str]] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

# As `BY_HAND`, in the words of SQLite: it locks the file, and takes a list as JSON.
_SQLITE: Final = (
    (
        """
    INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, status, date_from,"""
        """ date_to,
        include_attended, requested_by, requested_at, due_at, accepted_sessions,"""
        """ expanded_sessions, outcome_seq, totals)
    SELECT :job, :business, :job, '', 'queued', :day, :day, false, 'bench', :now, :now, :count,"""
        """ 0, 0,
        json_object('bookings', count(DISTINCT b.id), 'clients', count(DISTINCT b.client_id),
            'refunds', count(*), 'amounts', json_object('CAD', sum(p.amount_minor)))
    FROM json_each(:ids) AS c CROSS JOIN bookings b ON b.business_id = :business"""
        """ AND b.session_id = c.value
    JOIN payment_lines p ON p.business_id = b.business_id AND p.booking_id = b.id
    WHERE b.status IN ('booked', 'waitlisted', 'checked_in')
    """
    ),
    (
        """
    INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome,"""
        """ session_name, session_starts_at,
        session_timezone, location, instructor)
    SELECT :job, s.id, s.business_id, c.key + 1, c.key, 'accepted', s.name, s.starts_at,"""
        """ s.timezone, s.location,
        s.instructor
    FROM json_each(:ids) AS c CROSS JOIN sessions s ON s.business_id = :business AND s.id = c.value
    """
    ),
    """
    UPDATE sessions SET status = 'cancelled', job_id = :job, cancelled_at = :now
    WHERE business_id = :business AND id IN (SELECT value FROM json_each(:ids))
    """,
)
_FREE_SQLITE: Final = (
    "DROP TRIGGER IF EXISTS evidence_links_refuses_DELETE",
    "DROP TRIGGER IF EXISTS evidence_heads_refuses_DELETE",
)


class ByHand(Protocol):
    """Accepts these sessions by hand; the milliseconds that it took."""

    async def __call__(self, ids: list[str]) -> float: ...


async def measure(bench: Bench) -> list[Figure]:
    """Each size on both databases."""
    sizes = (bench.size(4_000, 5), bench.size(20_000, 25))
    return [await _figure(bench, kind, sessions) for kind in _GOALS for sessions in sizes]


async def _figure(bench: Bench, kind: Kind, sessions: int) -> Figure:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, kind))
        db = await stack.enter_async_context(places.opened(url))
        await schedule.business(db, _BUSINESS)
        await schedule.sessions(
            db, _BUSINESS, count=sessions, bookings_each=_BOOKINGS_EACH, is_counted=False
        )
        by_hand = await _postgresql(stack, url) if kind == "postgresql" else _sqlite(stack, url)
        ids = [f"s{n}" for n in range(sessions)]

        async def ours() -> float:
            started = time.perf_counter()
            await _accepted(db, sessions)
            taken = 1000 * (time.perf_counter() - started)
            await _undo(db)
            return taken

        async def floor() -> float:
            taken = await by_hand(ids)
            await _undo(db)
            return taken

        taken = await in_turns(bench.rounds, ours=ours, floor=floor)
    return Figure(
        f"accept {sessions:,} sessions, {_CALLED[kind]}",
        "ms",
        taken["ours"],
        "the same rows by hand-written SQL",
        taken["floor"],
        Goal(AT_MOST, _GOALS[kind]),
        f"{_BOOKINGS_EACH} bookings each, never analysed",
    )


async def _accepted(db: Database, sessions: int) -> None:
    named: dict[str, Any] = {"business_id": _BUSINESS, "timezone": "UTC", "requested_by": COMMAND}
    request = Request(schedule.DAY, schedule.DAY, "all")
    accepted = await accept.accept(
        db, LocalQueue(), **named, idempotency_key=uuid.uuid4().hex, request=request
    )
    if accepted.job.accepted_sessions != sessions:
        raise RuntimeError(f"{accepted.job.accepted_sessions} were accepted, and not {sessions}")


async def _undo(db: Database) -> None:
    async with db.write() as conn:
        for statement in (*(FREE if db.is_postgresql else _FREE_SQLITE), *UNDO):
            await conn.execute(sa.text(statement))


async def _postgresql(stack: AsyncExitStack, url: str) -> ByHand:
    conn = await asyncpg.connect(places.driver_url(url))
    stack.push_async_callback(conn.close)

    async def by_hand(ids: list[str]) -> float:
        given: tuple[Any, ...] = (_BUSINESS, ids, str(uuid.uuid4()), schedule.DAY)
        started = time.perf_counter()
        async with conn.transaction():
            for statement in BY_HAND:
                used = max(n for n in range(1, len(given) + 1) if f"${n}" in statement)
                await conn.execute(statement, *given[:used])
        return 1000 * (time.perf_counter() - started)

    return by_hand


def _sqlite(stack: AsyncExitStack, url: str) -> ByHand:
    file = sqlite3.connect(
        str(sa.make_url(url).database), isolation_level=None, check_same_thread=False
    )
    stack.callback(file.close)
    file.execute("PRAGMA synchronous = FULL")

    def written(ids: list[str]) -> float:
        at = f"{schedule.DAY}T00:00:00.000Z"
        given = {
            "business": _BUSINESS,
            "job": str(uuid.uuid4()),
            "day": str(schedule.DAY),
            "now": at,
        }
        started = time.perf_counter()
        file.execute("BEGIN IMMEDIATE")
        for statement in _SQLITE:
            file.execute(statement, given | {"ids": json.dumps(ids), "count": len(ids)})
        file.execute("COMMIT")
        return 1000 * (time.perf_counter() - started)

    async def by_hand(ids: list[str]) -> float:
        return await asyncio.to_thread(written, ids)

    return by_hand
