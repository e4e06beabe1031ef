"""One very large job: its time against that of small ones, and what memory it takes.

The memory is the worker's, and that of an API that tells of the job. At every tenth of a job the
API is asked for the job and for its whole audit, so what is read grows with the job alone.
`BENCH_MILLION=100000` in the environment chooses another size; the smaller jobs are a tenth and a
hundredth of it.
"""

import asyncio
import os
import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import httpx
import sqlalchemy as sa
from benchmarks import bench as places
from benchmarks import refunds, schedule
from benchmarks.bench import Bench, Server
from benchmarks.figures import AT_MOST, Figure, Goal

from app.config.settings import Settings
from app.db import tables as t
from app.queue import open_queue

BOOKINGS_PER_SESSION: Final = 50
PARTS: Final = 10
_LARGEST: Final = 1_000_000
_MAX_SHORT: Final = 5_000
_SMALL_JOBS: Final = 3  # of the smallest size; larger ones take their time and are run once
_MIB: Final = 1024 * 1024
_LOOKS_EVERY_SECONDS: Final = 0.2


@dataclass(slots=True)
class Memory:
    """A process's resident memory over a job: after its first part, and the most from then on."""

    server: Server
    first: int = 0
    most: int = 0

    def look(self, *, part: int) -> None:
        now = self.server.resident_bytes
        if part >= 1:
            self.first = self.first or now
            self.most = max(self.most, now)

    @property
    def growth_mib(self) -> float:
        return (self.most - self.first) / _MIB


@dataclass(slots=True)
class Place:
    """A worker, an API beside it, and the memory of both over the job that runs."""

    subject: refunds.Subject
    api_address: str
    api: Server
    memories: dict[str, Memory] = field(default_factory=dict)

    async def run(self, count: int) -> float:
        """Have so many refunds made for a new business; returns microseconds a refund."""
        business = f"b-{count}-{os.urandom(4).hex()}"
        db = self.subject.db
        key = await schedule.business(db, business)
        sessions = count // BOOKINGS_PER_SESSION
        await schedule.sessions(db, business, count=sessions, bookings_each=BOOKINGS_PER_SESSION)
        self.memories = {"worker": Memory(self.subject.workers[0]), "API": Memory(self.api)}
        job_id = await refunds.accepted(db, self.subject.queue, business)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=self.api_address, headers=headers, timeout=600
        ) as client:
            await self._watch(client, job_id, count)
        return 1_000_000 * await refunds.ended(db, job_id, count) / count

    async def _watch(self, client: httpx.AsyncClient, job_id: str, count: int) -> None:
        part = 0
        while part < PARTS:
            done = await self._settled(job_id)
            for _ in range(part, done * PARTS // count):
                part += 1
                await _read(client, job_id)
            for memory in self.memories.values():
                memory.look(part=part)
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _settled(self, job_id: str) -> int:
        async with self.subject.db.read() as conn:
            query = sa.select(t.jobs.c.outcome_seq).where(t.jobs.c.id == job_id)
            return int((await conn.execute(query)).scalar_one())


async def _read(client: httpx.AsyncClient, job_id: str) -> None:
    here = f"/v1/bulk-cancellations/{job_id}"
    (await client.get(here)).raise_for_status()
    async with client.stream("GET", f"{here}/audit.csv") as answer:
        answer.raise_for_status()
        async for _ in answer.aiter_raw():
            pass


async def measure(bench: Bench) -> list[Figure]:
    """Jobs of a hundredth, a tenth and the whole of the largest size, in one database."""
    largest = int(os.environ.get("BENCH_MILLION", bench.size(_LARGEST, _MAX_SHORT)))
    async with AsyncExitStack() as stack:
        place = await _place(bench, stack)
        await place.run(largest // 100)
        small = [await place.run(largest // 100) for _ in range(min(bench.rounds, _SMALL_JOBS))]
        middle = [await place.run(largest // 10)]
        whole = [await place.run(largest)]
        memories = place.memories
    once = f"one job of {largest:,}"
    return [
        _slope(f"a refund of {largest // 10:,}", middle, largest // 100, small, goal=None),
        _slope(f"a refund of {largest:,}", whole, largest // 100, small, goal=Goal(AT_MOST, 1.10)),
        *(
            Figure(
                f"{called}'s memory growth over a job of {largest:,}",
                "MiB",
                [memory.growth_mib],
                goal=Goal(AT_MOST, 16),
                note=f"{once}; resident, the most seen after its first tenth;"
                f" {memory.first / _MIB:.0f} MiB by then",
            )
            for called, memory in memories.items()
        ),
    ]


def _slope(
    name: str, rounds: list[float], small: int, floor: list[float], *, goal: Goal | None
) -> Figure:
    rate = 1_000_000 / statistics.median(rounds)
    note = f"one job, against the median of {len(floor)}; {rate:,.0f} refunds/s"
    return Figure(name, "µs", rounds, f"a refund of {small:,}", floor, goal, note)


async def _place(bench: Bench, stack: AsyncExitStack) -> Place:
    url = await stack.enter_async_context(places.database(bench, "postgresql"))
    redis = stack.enter_context(places.redis_url())
    sandbox = stack.enter_context(places.sandbox(bench, latency_seconds=0))
    settings = {
        "database_url": url,
        "redis_url": redis,
        "payments_url": f"{sandbox}/payments",
        "credits_url": f"{sandbox}/credits",
    }
    worker = stack.enter_context(places.worker(bench, concurrency=refunds.CONCURRENCY, **settings))
    address, api = stack.enter_context(places.api(bench, **settings))
    db = await stack.enter_async_context(places.opened(url))
    queue = open_queue(redis, namespace=Settings(database_url=url).prompts_namespace)
    stack.push_async_callback(queue.aclose)
    return Place(refunds.Subject(db, queue, [worker], sandbox), address, api)
