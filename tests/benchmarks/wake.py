"""From the answer to a POST to the first call at the upstream, in an idle system."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, Kind
from benchmarks.connection import Connection, connected, length_in
from benchmarks.figures import AT_MOST, Figure, Goal

from app.db import tables as t
from app.db.core.engine import Database

_BUSINESS: Final = "studio"
_SEED: Final = 4
_PATIENCE_SECONDS: Final = 30.0


async def measure(bench: Bench) -> list[Figure]:
    """Both ways to run; a round is one bulk cancellation of one session with one booking."""
    samples = max(bench.rounds, bench.size(40, 3))
    return [
        await _through(
            bench, "postgresql", "POST answered to first call, arq over Redis", 50.0, samples
        ),
        await _through(bench, "sqlite", "POST answered to first call, embedded", 20.0, samples),
    ]


async def _through(bench: Bench, kind: Kind, name: str, goal: float, samples: int) -> Figure:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, kind))
        db = await stack.enter_async_context(places.opened(url))
        key = await schedule.business(db, _BUSINESS)
        await schedule.sessions(db, _BUSINESS, count=samples + 1, bookings_each=1)
        upstream = await stack.enter_async_context(_upstream())
        settings = {
            "database_url": url,
            "payments_url": upstream.address,
            "credits_url": upstream.address,
        }
        if kind == "postgresql":
            settings["redis_url"] = stack.enter_context(places.redis_url())
            stack.enter_context(places.worker(bench, **settings))
        address, _ = stack.enter_context(places.api(bench, **settings))
        connection = await stack.enter_async_context(connected(address))
        chance = random.Random(_SEED)
        taken = []
        for number in range(samples + 1):
            # So that no poll keeps step with the samples.
            await asyncio.sleep(chance.uniform(0.2, 0.7))
            taken.append(await _sample(connection, upstream, key, number))
            await _ended(db)
        note = (
            "milliseconds from the answer's last byte at the caller"
            " to the call's arrival at an upstream of sockets"
        )
    # The first sample warms up.
    return Figure(name, "ms", taken[1:], goal=Goal(AT_MOST, goal), note=note)


async def _sample(connection: Connection, upstream: "Upstream", key: str, number: int) -> float:
    day = schedule.DAY.isoformat()
    body = json.dumps({"date_from": day, "date_to": day, "session_ids": [f"s{number}"]}).encode()
    upstream.called.clear()
    sent = {"Authorization": f"Bearer {key}", "Idempotency_Key": uuid.uuid4().hex}
    status, answer = await connection.post("/v1/bulk-cancellations", body, **sent)
    answered_at = time.perf_counter()
    if status != 202:
        raise RuntimeError(f"not accepted: {status} {answer[:500]!r}")
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await upstream.called.wait()
    return 1000 * (upstream.called_at - answered_at)


async def _ended(db: Database) -> None:
    """Wait until no job is open."""
    is_open = sa.select(sa.exists().where(t.jobs.c.due_at.is_not(None)))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.read() as conn:
                if not (await conn.execute(is_open)).scalar_one():
                    return
            await asyncio.sleep(0.05)


@dataclass(slots=True)
class Upstream:
    """A payment service of sockets, which refunds whatever it is asked to.

    It notes when it is called.
    """

    address: str = ""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    called_at: float = 0.0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.called_at = time.perf_counter()
                self.called.set()
                writer.write(_refund(await reader.readexactly(length_in(head))))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def _upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    upstream.address = f"http://{host}:{port}"
    try:
        yield upstream
    finally:
        server.close()


def _refund(order: bytes) -> bytes:
    """The answer that `openapi/payments-upstream.yaml` gives to an order that succeeds."""
    asked = json.loads(order)
    made = {
        "id": f"rf_{uuid.uuid4().hex}",
        "status": "succeeded",
        "created_at": "2027-01-01T00:00:00.000Z",
    }
    body = json.dumps(
        made
        | {name: asked[name] for name in ("payment_id", "amount_minor", "currency", "reference")}
    )
    head = (
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return f"{head}{body}".encode()
