"""Webhooks out: deliveries a second beside a bare loop of the same client, and what an endpoint costs a refund."""

import asyncio
import ssl
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import httpx
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from benchmarks.refunds import BOOKINGS_PER_SESSION, CONCURRENCY, LATENCY_SECONDS, accepted, ended

from app.db.engine import Database
from app.db.webhook_deliveries import due_endpoints
from app.db.webhook_events import Event, tell
from app.db.webhook_tables import EventType
from app.queue import open_queue
from app.webhooks.addresses import Reach, Resolver
from app.webhooks.send import Poster
from app.webhooks.signing import new_secret, signed

ENDPOINTS: Final = 20
_TOLD_AT_ONCE: Final = 100
_ID: Final = str(uuid.UUID(int=0))
_PAYLOAD: Final = '{"type":"refund.succeeded","data":{"refund_id":"%s"}}' % _ID  # noqa: UP031 - braces are JSON's
_REACH: Final = Reach(ports=frozenset(), loopback_http=True)


async def measure(bench: Bench) -> list[Figure]:
    """An embedded process over PostgreSQL, receivers that answer at once, refunds as `refunds` measures them."""
    events, refunds = bench.size(500, 20), bench.size(10_000, 300)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        receiver = stack.enter_context(places.upstream(bench, latency_seconds=0))
        upstream = stack.enter_context(places.upstream(bench, latency_seconds=LATENCY_SECONDS))
        settings = {
            "database_url": url,
            "secrets_file": bench.folder / "secrets.key",
            "payments_url": f"{upstream}/payments",
            "credits_url": f"{upstream}/credits",
            "concurrency": CONCURRENCY,
            "sweep_seconds": 0.1,
        }
        address, _ = stack.enter_context(places.api(bench, **settings))
        db = await stack.enter_async_context(places.opened(url))
        taken = await in_turns(
            bench.rounds,
            bare=lambda: _bare(receiver, events * ENDPOINTS),
            ours=lambda: _delivered(db, address, receiver, events),
            unheard=lambda: _refunded(db, address, None, refunds),
            heard=lambda: _refunded(db, address, receiver, refunds),
        )
    return [
        Figure(
            "webhooks delivered",
            "1/s",
            taken["ours"],
            "the same client's bare loop",
            taken["bare"],
            Goal(AT_LEAST, 0.5),
            f"{events} events to each of {ENDPOINTS} endpoints, from the first look to the last answer written",
        ),
        Figure(
            "durable refunds with an endpoint told of each",
            "refunds/s",
            taken["heard"],
            "with none",
            taken["unheard"],
            Goal(AT_LEAST, 0.5),
            "the same process delivers meanwhile",
        ),
    ]


async def _bare(receiver: str, deliveries: int) -> float:
    """Signed and sent by as many at a time as the lanes may, and nothing written."""
    secret, numbers = new_secret(), iter(range(deliveries))
    resolver, tls = Resolver(), ssl.create_default_context()
    posters = [Poster(_REACH, resolver, tls, most_connections=16, total_seconds=15) for _ in range(ENDPOINTS)]

    async def keep_posting(poster: Poster) -> None:
        while next(numbers, None) is not None:
            headers = signed(_ID, _PAYLOAD, [secret], at=datetime.now(UTC))
            posted = await poster.post(f"{receiver}/refunds", headers, _PAYLOAD.encode())
            if posted.status != httpx.codes.CREATED:
                raise RuntimeError(f"not delivered: {posted}")

    started = time.perf_counter()
    await asyncio.gather(*(keep_posting(poster) for poster in posters for _ in range(16)))
    seconds = time.perf_counter() - started
    for poster in posters:
        await poster.aclose()
    await resolver.aclose()
    return deliveries / seconds


async def _business(
    db: Database, address: str, receiver: str | None, *, endpoints: int
) -> tuple[str, Callable[[], None]]:
    """A new business with so many endpoints, and what deletes them."""
    business = f"b-{uuid.uuid4().hex[:12]}"
    key = await schedule.business(db, business)
    api = httpx.Client(base_url=f"{address}/v1", headers={"Authorization": f"Bearer {key}"})
    made = []
    for _ in range(endpoints):
        answer = await asyncio.to_thread(api.post, "/webhook-endpoints", json={"url": f"{receiver}/refunds"})
        made.append(answer.raise_for_status().json()["id"])

    def delete() -> None:
        for one in made:
            api.delete(f"/webhook-endpoints/{one}").raise_for_status()
        api.close()

    return business, delete


async def _delivered(db: Database, address: str, receiver: str, events: int) -> float:
    business, delete = await _business(db, address, receiver, endpoints=ENDPOINTS)
    for _ in range(0, events, _TOLD_AT_ONCE):
        async with db.write() as conn:
            told = [Event(EventType.REFUND_SUCCEEDED, {"refund_id": _ID})] * min(events, _TOLD_AT_ONCE)
            await tell(conn, business, told)
    started = time.perf_counter()
    await _nothing_is_due(db)
    seconds = time.perf_counter() - started
    await asyncio.to_thread(delete)
    return events * ENDPOINTS / seconds


async def _refunded(db: Database, address: str, receiver: str | None, refunds: int) -> float:
    business, delete = await _business(db, address, receiver, endpoints=0 if receiver is None else 1)
    await schedule.sessions(db, business, count=refunds // BOOKINGS_PER_SESSION, bookings_each=BOOKINGS_PER_SESSION)
    queue = open_queue(None)
    seconds = await ended(db, await accepted(db, queue, business), refunds)
    await queue.aclose()
    await _nothing_is_due(db)
    await asyncio.to_thread(delete)
    return refunds / seconds


async def _nothing_is_due(db: Database) -> None:
    async with asyncio.timeout(300):
        while True:
            async with db.read() as conn:
                if not await due_endpoints(conn):
                    return
            await asyncio.sleep(0.02)
