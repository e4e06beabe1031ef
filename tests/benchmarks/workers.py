"""One large job shared by two workers, against the same job with one: what a second process adds.

The upstream is slow enough for both to spend most of their time waiting, so that what is measured
is how they share a job and a database, and not how two processes share two cores with the database
and the upstream.
"""

from contextlib import AsyncExitStack
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from benchmarks.refunds import CONCURRENCY, workers_over

LATENCY_SECONDS: Final = 0.1
_WARM: Final = 2_000  # as many as a helper is called for


async def measure(bench: Bench) -> list[Figure]:
    """One worker over one database, two over another; each idles while it is the other's turn."""
    refunds = bench.size(10_000, 1_200)
    async with AsyncExitStack() as stack:
        one, two = [
            await workers_over(
                bench, stack, "postgresql", latency_seconds=LATENCY_SECONDS, count=count
            )
            for count in (1, 2)
        ]

        async def alone() -> float:
            return (await one.run(refunds)).per_second

        async def together() -> float:
            return (await two.run(refunds)).per_second

        for subject in (one, two):
            await subject.run(bench.size(_WARM, 20))
        taken = await in_turns(bench.rounds, alone=alone, together=together)
    return [
        Figure(
            "durable refunds, two workers",
            "refunds/s",
            taken["together"],
            "one worker",
            taken["alone"],
            Goal(AT_LEAST, 1.9),
            f"one job of {refunds:,} refunds,"
            f" {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms for each worker",
        )
    ]
