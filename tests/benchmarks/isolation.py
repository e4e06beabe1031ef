"""Durable refunds a second where PostgreSQL keeps businesses apart, against where it does not."""

from contextlib import AsyncExitStack

from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, WARM, Subject, workers_over


async def measure(bench: Bench) -> list[Figure]:
    """The same refunds by workers with either role, in the same rounds."""
    refunds = bench.size(10_000, 300)
    cpu: dict[bool, list[float]] = {True: [], False: []}
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

        async def run(subject: Subject, spent: list[float]) -> float:
            done = await subject.run(refunds)
            spent.append(done.cpu_ms_each)
            return done.per_second

        async def without() -> float:
            return await run(subjects[False], cpu[False])

        async def isolated() -> float:
            return await run(subjects[True], cpu[True])

        for subject in subjects.values():
            await subject.run(WARM)
        taken = await in_turns(bench.rounds, without=without, isolated=isolated)
    size = f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms"
    return [
        Figure(
            "durable refunds, isolated",
            "refunds/s",
            taken["isolated"],
            "without row-level security",
            taken["without"],
            Goal(AT_LEAST, 0.97),
            size,
        ),
        Figure(
            "CPU of a durable refund, isolated",
            "ms",
            cpu[True],
            "without row-level security",
            cpu[False],
            Goal(AT_MOST, 1.05),
            size,
        ),
    ]
