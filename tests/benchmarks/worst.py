"""What others wait for while one key does its worst, against the same alone.

That is the slowest hundredth of their answers.
"""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from typing import Final

import httpx
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, said, server
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns

_BOOKINGS: Final = 20_000
# Fifty questions a second: what a booking page of a large business asks.
_BETWEEN_SECONDS: Final = 0.02


async def measure(bench: Bench) -> list[Figure]:
    """Each take is many answers of another business's, one after the other.

    Every one must be a 200.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        db = await stack.enter_async_context(places.opened(url))
        worst, other = [await schedule.business(db, name) for name in ("worst", "other")]
        await schedule.sessions(
            db, "worst", count=bench.size(100, 2), bookings_each=_BOOKINGS // 100
        )
        await schedule.sessions(db, "other", count=20, bookings_each=5)
        redis = stack.enter_context(places.redis_url())
        # The usual limits.
        limits = {"requests_per_second": None, "business_requests_per_second": None}
        address, _ = stack.enter_context(
            places.api(bench, database_url=url, redis_url=redis, **limits)
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=address, headers={"Authorization": f"Bearer {other}"}, timeout=60
            )
        )
        questions = bench.size(300, 20)

        async def alone() -> float:
            return await slowest_hundredth(http, questions)

        async def beside() -> float:
            with server(bench, "benchmarks.worst_key", address, worst) as running:
                said(running, "at its worst")
                slowest = await slowest_hundredth(http, questions)
            if "failed" in (log := running.log.read_text()):
                raise RuntimeError(f"a 5xx for the key that did its worst:\n{log[-2000:]}")
            return slowest

        await alone()
        taken = await in_turns(bench.rounds, alone=alone, beside=beside)
    return [
        Figure(
            "others' p99 while one key does its worst",
            "ms",
            taken["beside"],
            "the same alone",
            taken["alone"],
            Goal(AT_MOST, 3),
            "slow readers, 2,500 streams asked for, bodies of 2 MiB,"
            " gzips of a thousandth, requests without a pause",
        )
    ]


async def slowest_hundredth(http: httpx.AsyncClient, questions: int) -> float:
    """The 99th percentile in milliseconds.

    Raises:
        RuntimeError: an answer was no 200.
    """
    took = []
    for _ in range(questions):
        began = time.perf_counter()
        answer = await http.get(f"/v1/sessions?date_from={schedule.DAY}&date_to={schedule.DAY}")
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(
                f"another business was answered {answer.status_code}: {answer.text[:500]}"
            )
        await asyncio.sleep(_BETWEEN_SECONDS)
    return statistics.quantiles(took, n=100)[98]
