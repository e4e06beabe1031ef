"""Accepting 500 sessions at once, and single ones.

The many are held against the same rows written by hand, single ones against the smallest app.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from benchmarks import bench as places
from benchmarks import schedule, smallest_app
from benchmarks.bench import Bench, Server
from benchmarks.connection import Connection, connected
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns

CALLERS: Final = 16
_PATH: Final = "/v1/bulk-cancellations"
_ACCEPTED: Final = 202
_MANY: Final = "many"  # the business that has its whole day cancelled at once
_SINGLE: Final = "single"  # and the one whose sessions are cancelled one by one
_BOOKINGS_IN_A_CLASS: Final = 10

# What acceptance writes, as one would write it by hand: the sessions' lock, the job with what it
# promises, the outcomes, and the sessions as cancelled.
BY_HAND: Final = (
    (
        """
    SELECT id FROM sessions WHERE business_id = $1 AND id = ANY ($2) AND status = 'scheduled'"""
        """ ORDER BY id FOR UPDATE
    """
    ),
    (
        """
    INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, status, date_from,"""
        """ date_to,
        include_attended, requested_by, requested_at, due_at, accepted_sessions,"""
        """ expanded_sessions, outcome_seq, totals)
    SELECT $3::uuid, $1::varchar, $3::uuid::text, '', 'queued', $4, $4, false, 'bench', now(),"""
        """ now(),
        cardinality($2::varchar[]), 0, 0,
        json_build_object('bookings', count(DISTINCT b.id), 'clients', count(DISTINCT b.client_id),
            'refunds', count(*), 'amounts', json_build_object('CAD', sum(p.amount_minor)))
    FROM bookings b JOIN payment_lines p ON p.business_id = b.business_id AND p.booking_id = b.id
    WHERE b.business_id = $1 AND b.session_id = ANY ($2)"""
        """ AND b.status IN ('booked', 'waitlisted', 'checked_in')
    """
    ),
    (
        """
    INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome,"""
        """ session_name, session_starts_at,
        session_timezone, location, instructor)
    SELECT $3::uuid, id, business_id, row_number() OVER (ORDER BY starts_at, id),
        row_number() OVER (ORDER BY starts_at, id) - 1, 'accepted', name, starts_at, timezone,"""
        """ location, instructor
    FROM sessions WHERE business_id = $1 AND id = ANY ($2)
    """
    ),
    """
    UPDATE sessions SET status = 'cancelled', job_id = $3::uuid, cancelled_at = now()
    WHERE business_id = $1 AND id = ANY ($2)
    """,
)
# What was accepted is undone as no build may do it: chains are only added to.
FREE: Final = (
    "ALTER TABLE evidence_links DISABLE TRIGGER USER",
    "ALTER TABLE evidence_heads DISABLE TRIGGER USER",
)
UNDO: Final = (
    (
        "UPDATE sessions SET status = 'scheduled', job_id = NULL, cancelled_at = NULL"
        " WHERE status = 'cancelled'"
    ),
    "DELETE FROM job_sessions",
    "DELETE FROM evidence_links",
    "DELETE FROM evidence_heads",
    "DELETE FROM jobs",
)
_VACUUM: Final = "VACUUM sessions, job_sessions, evidence_links, evidence_heads, jobs"


async def measure(bench: Bench) -> list[Figure]:
    """One API process over PostgreSQL and Redis.

    No worker runs, so that accepting is all there is to do.
    """
    sessions, requests = bench.size(500, 5), bench.size(1_000, 32)
    async with AsyncExitStack() as stack:
        place = await _place(bench, stack, sessions=sessions, requests=requests)
        many = await in_turns(
            bench.rounds,
            by_hand=lambda: place.by_hand(sessions),
            through_the_api=lambda: place.through_the_api(sessions),
        )
        single, smallest = Spent(place.api), Spent(place.smallest)
        await place.one_by_one(single, CALLERS)
        await place.insert_one_by_one(smallest, CALLERS)
        rates = await in_turns(
            bench.rounds,
            smallest=lambda: place.insert_one_by_one(smallest, requests),
            ours=lambda: place.one_by_one(single, requests),
        )
    called = f"{CALLERS} callers, {requests:,} requests, classes of {_BOOKINGS_IN_A_CLASS}"
    floor = "the smallest FastAPI + asyncpg insert"
    return [
        Figure(
            f"accept {sessions} sessions with {sessions * 40:,} bookings",
            "ms",
            many["through_the_api"],
            "the same rows by hand-written SQL",
            many["by_hand"],
            Goal(AT_MOST, 1.5),
            "the floor is one transaction through asyncpg, without HTTP and without an answer",
        ),
        Figure(
            "accept one session",
            "requests/s",
            rates["ours"],
            floor,
            rates["smallest"],
            Goal(AT_LEAST, 0.4),
            called,
        ),
        Figure(
            "CPU of accepting one session, API process",
            "ms",
            single.rounds[1:],
            floor,
            smallest.rounds[1:],
            note=called,
        ),
    ]


@dataclass(slots=True)
class Spent:
    """CPU milliseconds per request of a server, by round."""

    server: Server
    rounds: list[float]

    def __init__(self, server: Server) -> None:
        self.server = server
        self.rounds = []


@dataclass(frozen=True, slots=True)
class Place:
    """The API and the smallest app over one database."""

    conn: asyncpg.Connection
    address: str
    api: Server
    smallest_address: str
    smallest: Server
    keys: dict[str, str]

    async def by_hand(self, sessions: int) -> float:
        """Milliseconds that hand-written SQL takes, from BEGIN to COMMIT."""
        job_id, ids = str(uuid.uuid4()), [f"{_MANY}s{n}" for n in range(sessions)]
        given: tuple[Any, ...] = (_MANY, ids, job_id, schedule.DAY)
        started = time.perf_counter()
        async with self.conn.transaction():
            for statement in BY_HAND:
                used = max(n for n in range(1, len(given) + 1) if f"${n}" in statement)
                await self.conn.execute(statement, *given[:used])
        taken = 1000 * (time.perf_counter() - started)
        await self._undo()
        return taken

    async def through_the_api(self, sessions: int) -> float:
        """Milliseconds from the request's first byte to the last of its JSON answer."""
        async with connected(self.address) as connection:
            started = time.perf_counter()
            await self._cancel(connection, _MANY, [f"{_MANY}s{n}" for n in range(sessions)])
            taken = 1000 * (time.perf_counter() - started)
        await self._undo()
        return taken

    async def one_by_one(self, spent: Spent, requests: int) -> float:
        """Requests a second, each cancelling a session of its own."""

        async def cancel(connection: Connection, number: int) -> None:
            await self._cancel(connection, _SINGLE, [f"{_SINGLE}s{number}"])

        rate = await _rate(self.address, requests, spent, cancel)
        await self._undo()
        return rate

    async def insert_one_by_one(self, spent: Spent, requests: int) -> float:
        """Requests a second that the smallest app takes."""

        async def insert(connection: Connection, number: int) -> None:
            body = {"session_id": f"{_SINGLE}s{number}", "reason": "Snow day"}
            _expect_accepted(*await connection.post("/", json.dumps(body).encode()))

        return await _rate(self.smallest_address, requests, spent, insert)

    async def _cancel(
        self, connection: Connection, business_id: str, session_ids: Sequence[str]
    ) -> None:
        day = schedule.DAY.isoformat()
        body = {"date_from": day, "date_to": day, "session_ids": session_ids, "reason": "Snow day"}
        authorization = f"Bearer {self.keys[business_id]}"
        sent = {"Authorization": authorization, "Idempotency_Key": uuid.uuid4().hex}
        _expect_accepted(*await connection.post(_PATH, json.dumps(body).encode(), **sent))

    async def _undo(self) -> None:
        for statement in (*FREE, *UNDO, _VACUUM):
            await self.conn.execute(statement)


async def _place(bench: Bench, stack: AsyncExitStack, *, sessions: int, requests: int) -> Place:
    url = await stack.enter_async_context(places.database(bench, "postgresql"))
    db = await stack.enter_async_context(places.opened(url))
    keys = {}
    for business_id, count, bookings_each in (
        (_MANY, sessions, 40),
        (_SINGLE, requests, _BOOKINGS_IN_A_CLASS),
    ):
        keys[business_id] = await schedule.business(db, business_id)
        await schedule.sessions(
            db, business_id, count=count, bookings_each=bookings_each, prefix=business_id
        )
    conn = await asyncpg.connect(places.driver_url(url))
    stack.push_async_callback(conn.close)
    await conn.execute(smallest_app.TABLE)
    redis = stack.enter_context(places.redis_url())
    address, api = stack.enter_context(places.api(bench, database_url=url, redis_url=redis))
    command = "tests.benchmarks.smallest_app"
    smallest = stack.enter_context(
        places.server(bench, command, database_url=places.driver_url(url))
    )
    smallest_address = await asyncio.to_thread(places.said, smallest, r"Serving on (http://\S+)")
    return Place(conn, address, api, smallest_address, smallest, keys)


async def _rate(
    address: str, requests: int, spent: Spent, call: Callable[[Connection, int], Awaitable[None]]
) -> float:
    numbers = iter(range(requests))

    async def caller() -> None:
        async with connected(address) as connection:
            for number in numbers:
                await call(connection, number)

    started, cpu = time.perf_counter(), spent.server.cpu_seconds
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    seconds = time.perf_counter() - started
    spent.rounds.append(1000 * (spent.server.cpu_seconds - cpu) / requests)
    return requests / seconds


def _expect_accepted(status: int, body: bytes) -> None:
    if status != _ACCEPTED:
        raise RuntimeError(f"not accepted: {status} {body[:500]!r}")
