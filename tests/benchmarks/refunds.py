"""Durable refunds a second, and what each costs in CPU.

Against raw sockets and against the HTTP client's bare loop.
"""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, Kind, Server
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns
from worlds.isolated import isolated

from app.cancellation import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db import tables as t
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.gateways.http import HttpAnswer, UpstreamClient
from app.queue import Queue, open_queue

CONCURRENCY: Final = 64
LATENCY_SECONDS: Final = 0.02
BOOKINGS_PER_SESSION: Final = 20
WARM: Final = 200
_PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Done:
    """A job of refunds, ended."""

    per_second: float
    cpu_ms_each: float


async def measure(bench: Bench) -> list[Figure]:
    """Both databases, each against the wire in the same rounds."""
    refunds = bench.size(10_000, 300)
    figures = []
    kinds: tuple[tuple[Kind, str, float, float], ...] = (
        ("postgresql", "PostgreSQL", 0.9, 2.0),
        ("sqlite", "SQLite, embedded", 0.85, 3.0),
    )
    for kind, called, goal, goal_of_cpu in kinds:
        async with AsyncExitStack() as stack:
            subject = await workers_over(bench, stack, kind, latency_seconds=LATENCY_SECONDS)
            bare: list[float] = []
            ours: list[float] = []

            async def wire(address: str = subject.upstream) -> float:
                return await raw_sockets(address, refunds)

            async def client(address: str = subject.upstream, bare: list[float] = bare) -> float:
                done = await bare_client(address, refunds)
                bare.append(done.cpu_ms_each)
                return done.per_second

            async def durable(subject: Subject = subject, ours: list[float] = ours) -> float:
                done = await subject.run(refunds)
                ours.append(done.cpu_ms_each)
                return done.per_second

            await subject.run(WARM)
            taken = await in_turns(bench.rounds, wire=wire, durable=durable, client=client)
        size = f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms"
        goal_of_rate = Goal(AT_LEAST, goal)
        figures += [
            Figure(
                f"durable refunds, {called}",
                "refunds/s",
                taken["durable"],
                "raw sockets",
                taken["wire"],
                goal_of_rate,
                size,
            ),
            Figure(
                f"CPU of a durable refund, {called}",
                "ms",
                ours,
                "the HTTP client's bare loop",
                bare,
                Goal(AT_MOST, goal_of_cpu),
                "the bare loop made"
                f" {sorted(taken['client'])[len(taken['client']) // 2]:,.0f} calls/s",
            ),
        ]
    return figures


@dataclass(slots=True)
class Subject:
    """Workers over one database, and the upstream that they call."""

    db: Database
    queue: Queue
    workers: Sequence[Server]
    upstream: str

    @property
    def cpu_seconds(self) -> float:
        return sum(worker.cpu_seconds for worker in self.workers)

    async def run(self, refunds: int, *, clients: int = 0, **said: Any) -> Done:
        """Have a new business's bookings cancelled, by what is said of `terms` and `messages`.

        What is measured is from the job's start to its end, by the database's clock.
        """
        business = await booked(self.db, refunds, clients=clients)
        before = self.cpu_seconds
        job_id = await accepted(self.db, self.queue, business, **said)
        seconds = await ended(self.db, job_id, refunds)
        return Done(refunds / seconds, 1000 * (self.cpu_seconds - before) / refunds)


async def booked(db: Database, refunds: int, *, clients: int = 0) -> str:
    """A new business with so many paid bookings, by so many clients; returns its id."""
    business = f"b-{uuid.uuid4().hex[:12]}"
    await schedule.business(db, business)
    await schedule.sessions(
        db,
        business,
        count=refunds // BOOKINGS_PER_SESSION,
        bookings_each=BOOKINGS_PER_SESSION,
        clients=clients,
    )
    return business


async def begun(subject: Subject, refunds: int) -> str:
    """Have a new business's bookings cancelled, without waiting for it; returns the job's id."""
    return await accepted(subject.db, subject.queue, await booked(subject.db, refunds))


class Costs(NamedTuple):
    """Of each round, `without` what is measured and `having` it."""

    per_second: dict[str, list[float]]
    cpu_ms: dict[str, list[float]]


async def beside(bench: Bench, refunds: int, *, without: Subject, having: Subject) -> Costs:
    """The same refunds by workers that have what is measured and by such that have not, in turns.

    Each is warm before.
    """
    subjects = {"without": without, "having": having}
    cpu: dict[str, list[float]] = {name: [] for name in subjects}

    async def run(name: str) -> float:
        done = await subjects[name].run(refunds)
        cpu[name].append(done.cpu_ms_each)
        return done.per_second

    for subject in subjects.values():
        await subject.run(WARM)
    takes = {name: partial(run, name) for name in subjects}
    return Costs(await in_turns(bench.rounds, **takes), cpu)


def cost_of(what: str, without: str, costs: Costs, *, most_cpu: float, size: str) -> list[Figure]:
    """What it costs refunds to be `what`, in refunds a second and in CPU."""
    return [
        Figure(
            f"durable refunds, {what}",
            "refunds/s",
            costs.per_second["having"],
            without,
            costs.per_second["without"],
            Goal(AT_LEAST, 0.97),
            size,
        ),
        Figure(
            f"CPU of a durable refund, {what}",
            "ms",
            costs.cpu_ms["having"],
            without,
            costs.cpu_ms["without"],
            Goal(AT_MOST, most_cpu),
            size,
        ),
    ]


async def workers_over(
    bench: Bench,
    stack: AsyncExitStack,
    kind: Kind,
    *,
    latency_seconds: float,
    count: int = 1,
    is_isolated: bool = False,
    **more: Any,
) -> Subject:
    """Workers and their upstream: arq's over PostgreSQL, the embedded API's loop over SQLite.

    Where `is_isolated` the workers have a role of their own, which is held to one business at a
    time.
    """
    url = await stack.enter_async_context(places.database(bench, kind))
    processes_url = stack.enter_context(isolated(url)) if is_isolated else url
    upstream = stack.enter_context(places.upstream(bench, latency_seconds=latency_seconds))
    settings = {
        "database_url": processes_url,
        "database_isolation": is_isolated,
        "payments_url": f"{upstream}/payments",
        "credits_url": f"{upstream}/credits",
        "concurrency": CONCURRENCY,
        **more,
    }
    db = await stack.enter_async_context(places.opened(url))
    if kind == "postgresql":
        redis = stack.enter_context(places.redis_url())
        workers = [
            stack.enter_context(places.worker(bench, redis_url=redis, **settings))
            for _ in range(count)
        ]
    else:
        redis = None
        _, worker = stack.enter_context(places.api(bench, sweep_seconds=0.1, **settings))
        workers = [worker]
    queue = open_queue(redis, namespace=Settings(database_url=processes_url).prompts_namespace)
    stack.push_async_callback(queue.aclose)
    return Subject(db, queue, workers, upstream)


async def accepted(
    db: Database,
    queue: Queue,
    business_id: str,
    *,
    terms: Mapping[str, Any] | None = None,
    messages: Mapping[str, Any] | None = None,
) -> str:
    """Accept all of the business's sessions; returns the job's id."""
    done = await accept.accept(
        db,
        queue,
        business_id=business_id,
        timezone="UTC",
        requested_by=COMMAND,
        idempotency_key="bench",
        request=Request(schedule.DAY, schedule.DAY, "all", terms=terms, messages=messages),
    )
    return str(done.job.id)


async def ended(db: Database, job_id: str, refunds: int) -> float:
    """Wait for the job; the seconds from its start to its end.

    Raises:
        RuntimeError: it has not returned every refund.
        TimeoutError: it has not ended in five minutes.
    """
    mine = t.jobs.c.id == job_id
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.read() as conn:
                job = (await conn.execute(sa.select(t.jobs).where(mine))).mappings().one()
            if job["finished_at"] is not None:
                break
            await asyncio.sleep(0.1)
    async with db.read() as conn:
        succeeded = sa.and_(t.refunds.c.job_id == job_id, t.refunds.c.status == "succeeded")
        done = (await conn.execute(sa.select(sa.func.count()).where(succeeded))).scalar_one()
    if done != refunds:
        raise RuntimeError(f"{done} of {refunds} refunds succeeded")
    return float((job["finished_at"] - job["started_at"]).total_seconds())


async def raw_sockets(address: str, refunds: int) -> float:
    """Refunds a second with nothing but sockets, a connection per slot.

    Each answer is read, and none of it kept.
    """
    host, port = address.removeprefix("http://").split(":")

    async def slot(left: Callable[[], bool]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while left():
            reference, body = _refund()
            content = json.dumps(body)
            writer.write(
                (
                    "POST /payments/refunds HTTP/1.1\r\n"
                    f"Host: {host}\r\nIdempotency-Key: {reference}\r\n"
                    "Content-Type: application/json\r\n"
                    f"Content-Length: {len(content)}\r\n\r\n{content}"
                ).encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if not head.startswith(b"HTTP/1.1 201") or length is None:
                raise RuntimeError(f"not a refund: {head!r}")
            await reader.readexactly(int(length[1]))
        writer.close()

    return (await _in_slots(refunds, slot)).per_second


async def bare_client(address: str, refunds: int) -> Done:
    """The gateway's HTTP client with nothing around it."""
    upstream = UpstreamClient(
        f"{address}/payments",
        token=None,
        connect_seconds=5,
        total_seconds=10,
        max_connections=CONCURRENCY,
    )

    async def slot(left: Callable[[], bool]) -> None:
        while left():
            reference, body = _refund()
            reply = await upstream.call(
                "POST", "/refunds", headers={"Idempotency-Key": reference}, json=body
            )
            if not isinstance(reply, HttpAnswer) or reply.status != 201:
                raise RuntimeError(f"not a refund: {reply}")

    done = await _in_slots(refunds, slot)
    await upstream.aclose()
    return done


def _refund() -> tuple[str, dict[str, object]]:
    reference = str(uuid.uuid4())
    body = {
        "payment_id": reference,
        "amount_minor": schedule.PRICE_MINOR,
        "currency": "CAD",
        "reference": reference,
    }
    return reference, body | {"reason": ""}


async def _in_slots(refunds: int, slot: Callable[[Callable[[], bool]], Awaitable[None]]) -> Done:
    numbers = iter(range(refunds))
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(
        *(slot(lambda: next(numbers, None) is not None) for _ in range(CONCURRENCY))
    )
    seconds = time.perf_counter() - started
    return Done(refunds / seconds, 1000 * (time.process_time() - cpu) / refunds)
