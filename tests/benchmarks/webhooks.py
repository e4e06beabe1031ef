"""Webhooks out: deliveries a second, and what an endpoint costs a refund.

The deliveries stand beside a bare loop of the same client.
"""

import asyncio
import os
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, Server
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns
from benchmarks.refunds import BOOKINGS_PER_SESSION, CONCURRENCY, LATENCY_SECONDS, accepted, ended
from crash.webhook_receivers import self_signed
from worlds.sample_keys import SECRETS_KEY

from app.config.settings import Settings
from app.db.core.dialect import now
from app.db.core.engine import Database
from app.db.tables.webhooks import webhook_deliveries
from app.db.webhooks.deliveries import due_endpoints
from app.db.webhooks.events import Event, publish
from app.domain.events import EventType
from app.queue import Queue, open_queue
from app.webhooks.addresses import AddressPolicy, Resolver
from app.webhooks.send import EndpointClient
from app.webhooks.signing import new_secret, signed

ENDPOINTS: Final = 20
_TOLD_AT_ONCE: Final = 100
_ID: Final = str(uuid.UUID(int=0))
_PAYLOAD: Final = '{"type":"refund.succeeded","data":{"refund_id":"%s"}}' % _ID  # noqa: UP031 - braces are JSON's
_REACH: Final = AddressPolicy(ports=frozenset(), loopback_http=True)


async def measure(bench: Bench) -> list[Figure]:
    """Receivers that answer at once, and refunds as `refunds` measures them."""
    return [*await _embedded(bench), await _divided(bench)]


async def _embedded(bench: Bench) -> list[Figure]:
    """One process over PostgreSQL that refunds and delivers."""
    events, refunds = bench.size(500, 20), bench.size(10_000, 300)
    deliveries, bare_cpu, our_cpu = events * ENDPOINTS, list[float](), list[float]()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        receiver = stack.enter_context(places.upstream(bench, latency_seconds=0))
        settings = _settings(bench, stack, url)
        address, process = stack.enter_context(places.api(bench, sweep_seconds=0.1, **settings))
        db = await stack.enter_async_context(places.opened(url))

        async def bare() -> float:
            begun = time.process_time()
            rate = await _bare(receiver, deliveries)
            bare_cpu.append(1000 * (time.process_time() - begun) / deliveries)
            return rate

        async def ours() -> float:
            rate, cpu_seconds = await _delivered(db, process, address, receiver, events)
            our_cpu.append(1000 * cpu_seconds / deliveries)
            return rate

        queue = open_queue(None, namespace="benchmark")
        stack.push_async_callback(queue.aclose)
        taken = await in_turns(
            bench.rounds,
            bare=bare,
            ours=ours,
            untold=lambda: _refunded(db, queue, address, None, refunds),
            told=lambda: _refunded(db, queue, address, receiver, refunds),
        )
    size = (
        f"{events} events to each of {ENDPOINTS} endpoints,"
        " from the first call to the last answer written"
    )
    floor = "the same client's bare loop"
    return [
        Figure(
            "webhooks delivered",
            "1/s",
            taken["ours"],
            floor,
            taken["bare"],
            Goal(AT_LEAST, 0.78),
            size,
        ),
        Figure("CPU of a delivery", "ms", our_cpu, floor, bare_cpu, Goal(AT_MOST, 1.3), size),
        _told(
            taken,
            "in one process",
            "it delivers as far as refunds leave it time",
            Goal(AT_LEAST, 0.9),
        ),
    ]


async def _divided(bench: Bench) -> Figure:
    """Two workers over PostgreSQL and Redis.

    One refunds, and the other delivers, and waits for no refund.
    """
    refunds = bench.size(10_000, 300)
    public, _ = self_signed(bench.folder, "receiver")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        redis = stack.enter_context(places.redis_url())
        certificate = (public, public.with_suffix(".key"))
        receiver = stack.enter_context(
            places.upstream(bench, latency_seconds=0, certificate=certificate)
        )
        settings = _settings(bench, stack, url) | {
            "redis_url": redis,
            "secrets_key": SECRETS_KEY,
            "webhook_networks": "127.0.0.0/8",
        }
        address, _ = stack.enter_context(places.api(bench, **settings))
        stack.enter_context(places.worker(bench, "--only", "refunds", **settings))
        stack.enter_context(_trusting(public))
        stack.enter_context(places.worker(bench, "--only", "deliveries", **settings))
        db = await stack.enter_async_context(places.opened(url))
        queue = open_queue(redis, namespace=Settings(database_url=url).prompts_namespace)
        stack.push_async_callback(queue.aclose)
        taken = await in_turns(
            bench.rounds,
            untold=lambda: _refunded(db, queue, address, None, refunds),
            told=lambda: _refunded(db, queue, address, receiver, refunds),
        )
    return _told(
        taken, "two workers", "one worker refunds, another delivers on the same two cores, over TLS"
    )


def _told(
    taken: Mapping[str, list[float]], where: str, note: str, goal: Goal | None = None
) -> Figure:
    name = f"durable refunds with an endpoint told of each, {where}"
    return Figure(name, "refunds/s", taken["told"], "with none", taken["untold"], goal, note)


def _settings(bench: Bench, stack: AsyncExitStack, database_url: str) -> dict[str, Any]:
    upstream = stack.enter_context(places.upstream(bench, latency_seconds=LATENCY_SECONDS))
    return {
        "database_url": database_url,
        "secrets_file": bench.folder / "secrets.key",
        "payments_url": f"{upstream}/payments",
        "credits_url": f"{upstream}/credits",
        "concurrency": CONCURRENCY,
        "webhook_loopback": True,
    }


@contextmanager
def _trusting(certificate: Path) -> Iterator[None]:
    """Processes that are started meanwhile trust this certificate."""
    os.environ["SSL_CERT_FILE"] = str(certificate)
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]


async def _bare(receiver: str, deliveries: int) -> float:
    """Signed and sent by as many at a time as the lanes may, and nothing written."""
    secret, numbers = new_secret(), iter(range(deliveries))
    resolver, tls = Resolver(), ssl.create_default_context()
    posters = [
        EndpointClient(_REACH, resolver, tls, most_connections=16, total_seconds=15)
        for _ in range(ENDPOINTS)
    ]

    async def keep_posting(poster: EndpointClient) -> None:
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
        answer = await asyncio.to_thread(
            api.post, "/webhook-endpoints", json={"url": f"{receiver}/refunds"}
        )
        made.append(answer.raise_for_status().json()["id"])

    def delete() -> None:
        for one in made:
            api.delete(f"/webhook-endpoints/{one}").raise_for_status()
        api.close()

    return business, delete


async def _delivered(
    db: Database, process: Server, address: str, receiver: str, events: int
) -> tuple[float, float]:
    """Deliveries a second, and the seconds of a processor that all took.

    The time is from the first that is claimed.
    """
    business, delete = await _business(db, address, receiver, endpoints=ENDPOINTS)
    async with db.write() as conn:
        for _ in range(0, events, _TOLD_AT_ONCE):
            told = [Event(EventType.REFUND_SUCCEEDED, {"refund_id": _ID})] * min(
                events, _TOLD_AT_ONCE
            )
            await publish(conn, business, told)
    cpu_seconds = process.cpu_seconds
    await _some_is_claimed(db)
    started = time.perf_counter()
    await _nothing_is_due(db)
    seconds = time.perf_counter() - started
    cpu_seconds = process.cpu_seconds - cpu_seconds
    await asyncio.to_thread(delete)
    return events * ENDPOINTS / seconds, cpu_seconds


async def _some_is_claimed(db: Database) -> None:
    async with asyncio.timeout(60):
        while True:
            async with db.read() as conn:
                if await conn.scalar(
                    sa.select(sa.exists().where(webhook_deliveries.c.due_at > now()))
                ):
                    return
            await asyncio.sleep(0.005)


async def _refunded(
    db: Database, queue: Queue, address: str, receiver: str | None, refunds: int
) -> float:
    business, delete = await _business(
        db, address, receiver, endpoints=0 if receiver is None else 1
    )
    await schedule.sessions(
        db, business, count=refunds // BOOKINGS_PER_SESSION, bookings_each=BOOKINGS_PER_SESSION
    )
    seconds = await ended(db, await accepted(db, queue, business), refunds)
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
