"""What is asked for most, through the API, against FastAPI with the bare query.

Both read the same rows, on the same parser. Rates are those of the serving process's own CPU time:
callers and PostgreSQL share the machine with it.
"""

import asyncio
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, Server
from benchmarks.connection import connected
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns

from app.cancellation import accept
from app.cancellation.request import Request
from app.db import tables as t
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.queue import LocalQueue

CALLERS: Final = 16
_BUSINESS: Final = "reads"
_SESSIONS: Final = 50
_OK: Final = 200
_LEAST_BYTES: Final = 1_000  # of a list with rows in it
_BOOKINGS_OF_A_CLIENT: Final = 20
_KEPT_FOR: Final = "FastAPI + the bare query of the same rows"


@dataclass(frozen=True, slots=True)
class Line:
    """One question, as the API and the smallest app are asked it."""

    name: str
    path: str
    floor_path: str
    floor_name: str
    goal: float
    status: int = 200
    note: str = ""
    headers: tuple[tuple[str, str], ...] = ()


async def measure(bench: Bench) -> list[Figure]:
    """One API process over PostgreSQL and Redis, and no worker."""
    requests = bench.size(2_000, 20)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        db = await stack.enter_async_context(places.opened(url))
        key = await schedule.business(db, _BUSINESS)
        await schedule.sessions(db, _BUSINESS, count=_SESSIONS, bookings_each=10)
        job_id = await _job(db)
        await _client(db)
        redis = stack.enter_context(places.redis_url())
        address, api = stack.enter_context(places.api(bench, database_url=url, redis_url=redis))
        command = "tests.benchmarks.smallest_reads"
        smallest = stack.enter_context(
            places.server(bench, command, database_url=places.driver_url(url))
        )
        floor_address = await asyncio.to_thread(places.said, smallest, r"Serving on (http://\S+)")
        figures = []
        for line in await _lines(address, key, job_id):

            async def ours(line: Line = line) -> float:
                return await _rate(address, api, line.path, line, requests)

            async def floor(line: Line = line) -> float:
                return await _rate(floor_address, smallest, line.floor_path, line, requests)

            await ours()
            await floor()
            taken = await in_turns(bench.rounds, ours=ours, floor=floor)
            figures.append(
                Figure(
                    line.name,
                    "requests/CPU s",
                    taken["ours"],
                    line.floor_name,
                    taken["floor"],
                    Goal(AT_LEAST, line.goal),
                    line.note,
                )
            )
    return figures


async def _lines(address: str, key: str, job_id: str) -> list[Line]:
    who = ("Authorization", f"Bearer {key}")
    job = f"/v1/bulk-cancellations/{job_id}"
    async with connected(address) as connection:
        _, head, _ = await connection.get(job, dict([who]))
    tag = next(
        line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("etag")
    )
    day = schedule.DAY.isoformat()
    days = f"?date_from={day}&date_to={day}"
    of_client = f"{_BOOKINGS_OF_A_CLIENT} bookings, each with a line"
    return [
        Line(
            "poll of a job with its ETag",
            job,
            f"/jobs/{_BUSINESS}/{job_id}",
            "FastAPI + one asyncpg row, 304",
            0.5,
            304,
            "",
            (who, ("If-None-Match", tag)),
        ),
        Line(
            "week list",
            f"/v1/sessions{days}",
            f"/sessions/{_BUSINESS}{days}",
            _KEPT_FOR,
            0.7,
            200,
            "50 rows",
            (who,),
        ),
        Line(
            "a client's bookings",
            "/v1/clients/c1/bookings",
            f"/clients/{_BUSINESS}/c1",
            _KEPT_FOR,
            0.65,
            200,
            of_client,
            (who,),
        ),
        Line(
            "public schedule",
            f"/v1/public/{_BUSINESS}/schedule{days}",
            f"/public/{_BUSINESS}{days}",
            _KEPT_FOR,
            0.9,
            200,
            "50 rows, kept for up to 2 s",
        ),
    ]


async def _job(db: Database) -> str:
    named = {"business_id": _BUSINESS, "timezone": "UTC", "requested_by": COMMAND}
    request = Request(schedule.DAY, schedule.DAY, tuple(f"s{n}" for n in range(_SESSIONS // 10)))
    accepted = await accept.accept(
        db, LocalQueue(), **named, idempotency_key=uuid.uuid4().hex, request=request
    )
    return str(accepted.job.id)


async def _client(db: Database) -> None:
    """A client with some bookings, one in each of the first sessions."""
    client: dict[str, Any] = {"business_id": _BUSINESS, "id": "c1", "name": "Lee"}
    numbers = range(_BOOKINGS_OF_A_CLIENT)
    booked = [
        {
            "business_id": _BUSINESS,
            "id": f"c1-{n}",
            "session_id": f"s{n}",
            "client_id": "c1",
            "status": "booked",
        }
        for n in numbers
    ]
    paid = [
        {
            "business_id": _BUSINESS,
            "booking_id": f"c1-{n}",
            "line_no": 1,
            "method": "payment",
            "payment_id": f"c1-{n}",
        }
        | {"amount_minor": 2000, "currency": "CAD"}
        for n in numbers
    ]
    async with db.write() as conn:
        await conn.execute(sa.insert(t.clients).values(client))
        await conn.execute(sa.insert(t.bookings), booked)
        await conn.execute(sa.insert(t.payment_lines), paid)


async def _rate(address: str, server: Server, path: str, line: Line, requests: int) -> float:
    """Requests in a second of the server's CPU time."""
    numbers = iter(range(requests))

    async def caller() -> None:
        async with connected(address) as connection:
            for _ in numbers:
                status, _, body = await connection.get(path, dict(line.headers))
                if status != line.status or (status == _OK and len(body) < _LEAST_BYTES):
                    raise RuntimeError(f"not what was asked for: {status} {body[:500]!r}")

    before = server.cpu_seconds
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return requests / max(server.cpu_seconds - before, 0.01)
