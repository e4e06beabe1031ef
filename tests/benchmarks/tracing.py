"""Durable refunds a second where every slice is traced, against where none is."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, beside, cost_of, workers_over
from worlds import collector


async def measure(bench: Bench) -> list[Figure]:
    """The same refunds by workers that record all they do and by such that record nothing."""
    refunds = bench.size(10_000, 300)
    async with AsyncExitStack() as stack:
        collecting = stack.enter_context(collector.running(bench.folder / "collector"))
        said: dict[bool, dict[str, Any]] = {
            False: {},
            True: {
                "otel_exporter_otlp_endpoint": collecting.url,
                "otel_traces_sampler_arg": 1,
            },
        }
        subjects = {
            is_traced: await workers_over(
                bench, stack, "postgresql", latency_seconds=LATENCY_SECONDS, **said[is_traced]
            )
            for is_traced in (False, True)
        }

        costs = await beside(bench, refunds, without=subjects[False], having=subjects[True])
        spans = await _taken(collecting, slices=bench.rounds + 1)  # and that which was to warm
    slices = sum(span.name == "slice" for span in spans)
    size = (
        f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms; "
        f"{len(spans) / slices:.0f} spans a slice"
    )
    return cost_of("traced", "without traces", costs, most_cpu=1.1, size=size)


async def _taken(collecting: collector.Collector, *, slices: int) -> list[collector.Span]:
    """What the collector took, once it has so many slices.

    Raises:
        TimeoutError: it has not got them in a minute: nothing was traced.
    """
    async with asyncio.timeout(60):
        while True:
            spans = collecting.spans()
            if sum(span.name == "slice" for span in spans) >= slices:
                return spans
            await asyncio.sleep(0.2)
