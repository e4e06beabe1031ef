"""Durable refunds a second where PostgreSQL keeps businesses apart, against where it does not."""

from contextlib import AsyncExitStack

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, beside, cost_of, workers_over


async def measure(bench: Bench) -> list[Figure]:
    """The same refunds by workers with either role, in the same rounds."""
    refunds = bench.size(10_000, 300)
    async with AsyncExitStack() as stack:
        subjects = {
            is_isolated: await workers_over(
                bench,
                stack,
                "postgresql",
                latency_seconds=LATENCY_SECONDS,
                is_isolated=is_isolated,
            )
            for is_isolated in (False, True)
        }

        costs = await beside(bench, refunds, without=subjects[False], having=subjects[True])
    size = f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms"
    return cost_of("isolated", "without row-level security", costs, most_cpu=1.05, size=size)
