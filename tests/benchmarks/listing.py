"""The list of a week, through the API, against its bare query.

It is asked for among a million sessions of a thousand businesses.
"""

import asyncio
import datetime as dt
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import asyncpg
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns
from benchmarks.seed import seed

from app.auth import keys as auth
from app.db.core.engine import Database

SESSIONS_PER_WEEK: Final = 200
WEEKS: Final = 5
BOOKINGS_PER_SESSION: Final = 10
_ASKED: Final = 20  # businesses that ask in turns, so that none finds its own answer still warm
_WEEK: Final = dt.timedelta(days=7)

_SEED: Final = (
    """
    INSERT INTO businesses (id, name, timezone, currency, created_at)
    SELECT 'b' || b, 'Bench', 'UTC', 'CAD', now() FROM generate_series(0, {businesses} - 1) b
    """,
    (
        """
    INSERT INTO clients (business_id, id, name) SELECT 'b' || b, 'c', 'Kim'"""
        """ FROM generate_series(0, {businesses} - 1) b
    """
    ),
    (
        """
    INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, location,"""
        """ instructor, capacity, status)
    SELECT 'b' || b, 's' || n, 'Vinyasa flow', starts_at, starts_at + interval '1 hour', 'UTC',"""
        """ 'Studio 1', 'Noor', 20,
           'scheduled'
    FROM generate_series(0, {weeks} * {a_week} - 1) n, generate_series(0, {businesses} - 1) b,
         LATERAL (SELECT timestamptz '{day} 00:00Z' + n * interval '7 days' / {a_week})"""
        """ AS t (starts_at)
    """
    ),
    (
        """
    INSERT INTO bookings (business_id, id, session_id, client_id, status)
    SELECT s.business_id, s.id || '-' || n, s.id, 'c', 'booked'
    FROM generate_series(0, {asked} - 1) b JOIN sessions s ON s.business_id = 'b' || b,"""
        """ generate_series(1, {each}) n
    """
    ),
)
_BARE: Final = (
    """
    SELECT s.id, s.name, s.starts_at, s.ends_at, s.timezone, s.location, s.instructor,"""
    """ s.capacity, s.status, s.job_id,
           s.cancelled_at, j.status AS job_status, j.reason,
           (SELECT count(*) FROM bookings b
            WHERE b.business_id = s.business_id AND b.session_id = s.id
            AND b.status IN ('booked', 'checked_in')) AS booked
    FROM sessions s LEFT JOIN jobs j ON j.id = s.job_id
    WHERE s.business_id = $1 AND s.starts_at >= $2 AND s.starts_at < $3
    ORDER BY s.starts_at, s.id
    LIMIT 200
"""
)


async def measure(bench: Bench) -> list[Figure]:
    """Each take is many questions, one after the other; it stands for the median of them."""
    businesses = bench.size(1_000, 20)
    questions = bench.size(200, 10)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        await seed(
            url,
            _SEED,
            businesses=businesses,
            weeks=WEEKS,
            a_week=SESSIONS_PER_WEEK,
            day=schedule.DAY,
            each=BOOKINGS_PER_SESSION,
            asked=_ASKED,
        )
        db = await stack.enter_async_context(places.opened(url))
        keys = await _keys(db)
        redis = stack.enter_context(places.redis_url())
        address, _ = stack.enter_context(places.api(bench, database_url=url, redis_url=redis))
        client = await Client.of(address)
        stack.push_async_callback(client.aclose)
        connection = await asyncpg.connect(places.driver_url(url), server_settings={"jit": "off"})
        stack.push_async_callback(connection.close)
        bare = await connection.prepare(_BARE)
        turns = itertools.cycle(range(_ASKED))
        weeks = itertools.cycle(schedule.DAY + _WEEK * number for number in range(WEEKS))

        async def ours() -> float:
            return await _median(questions, lambda: client.week(keys[next(turns)], next(weeks)))

        async def floor() -> float:
            return await _median(questions, lambda: _fetched(bare, next(turns), next(weeks)))

        await ours()
        await floor()
        taken = await in_turns(bench.rounds, ours=ours, floor=floor)
    of_all = f"{businesses * WEEKS * SESSIONS_PER_WEEK:,} sessions of {businesses:,} businesses"
    size = f"{SESSIONS_PER_WEEK} of {of_all}"
    return [
        Figure(
            "list of a week",
            "ms",
            taken["ours"],
            "the bare query, prepared",
            taken["floor"],
            Goal(AT_MOST, 3),
            size,
        )
    ]


class Client:
    """One connection to the API, kept, with nothing but sockets.

    What a request costs the caller is no part of it.
    """

    def __init__(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, address: str) -> "Client":
        host, port = address.removeprefix("http://").split(":")
        return cls(host, *await asyncio.open_connection(host, int(port)))

    async def week(self, key: str, monday: dt.date) -> None:
        """Have the week that begins on this day listed."""
        days = f"date_from={monday}&date_to={monday + dt.timedelta(days=6)}"
        request = (
            f"GET /v1/sessions?{days}&limit={SESSIONS_PER_WEEK} HTTP/1.1\r\n"
            f"Host: {self._host}\r\nAuthorization: Bearer {key}\r\n\r\n"
        )
        self._writer.write(request.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if body.count(b'"booked":%d,' % BOOKINGS_PER_SESSION) != SESSIONS_PER_WEEK:
            raise RuntimeError(f"not a week: {head!r} {body[:200]!r}")

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def _fetched(
    bare: asyncpg.prepared_stmt.PreparedStatement, business: int, monday: dt.date
) -> None:
    from_at = dt.datetime.combine(monday, dt.time(0), dt.UTC)
    rows = await bare.fetch(f"b{business}", from_at, from_at + _WEEK)
    if len(rows) != SESSIONS_PER_WEEK:
        raise RuntimeError(f"not a week: {len(rows)} sessions")


async def _median(questions: int, ask: Callable[[], Awaitable[None]]) -> float:
    taken = []
    for _ in range(questions):
        started = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


async def _keys(db: Database) -> list[str]:
    return [
        await auth.create_key(db, f"b{number}", "bench", [auth.Scope.SCHEDULE_READ])
        for number in range(_ASKED)
    ]
