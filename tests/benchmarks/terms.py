"""Refunds with terms on every line, beside the same job without any.

Both are in one run, by the same worker, over databases and upstreams that know both.
"""

from contextlib import AsyncExitStack
from typing import Any, Final

from benchmarks.bench import Bench, Kind
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, Subject, workers_over

# A fee of every line, and what follows a refusal.
TERMS: Final[dict[str, Any]] = {
    "payments": {"keep": {"percent": 10}, "fallback": ["store_credit", "person"]}
}
_CALLED: Final[dict[Kind, str]] = {"postgresql": "PostgreSQL", "sqlite": "SQLite, embedded"}
_WARM: Final = 200
_FLOOR: Final = "the same job without"


async def measure(bench: Bench) -> list[Figure]:
    """Both databases, each job with terms and without in turns."""
    refunds = bench.size(10_000, 300)
    return [
        figure
        for kind, called in _CALLED.items()
        for figure in await _of(bench, kind, called, refunds)
    ]


async def _of(bench: Bench, kind: Kind, called: str, refunds: int) -> list[Figure]:
    cpu: dict[str, list[float]] = {"with": [], "without": []}
    async with AsyncExitStack() as stack:
        subject = await workers_over(bench, stack, kind, latency_seconds=LATENCY_SECONDS)

        async def with_terms() -> float:
            return await _rate(subject, refunds, TERMS, cpu["with"])

        async def without() -> float:
            return await _rate(subject, refunds, None, cpu["without"])

        await subject.run(_WARM, terms=TERMS)
        await subject.run(_WARM)
        taken = await in_turns(bench.rounds, with_terms=with_terms, without=without)
    size = f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms; 10 % kept"
    return [
        Figure(
            f"durable refunds with terms on every line, {called}",
            "refunds/s",
            taken["with_terms"],
            _FLOOR,
            taken["without"],
            Goal(AT_LEAST, 0.95),
            size,
        ),
        Figure(
            f"CPU of a durable refund with terms, {called}",
            "ms",
            cpu["with"],
            _FLOOR,
            cpu["without"],
            note="of the worker" if kind == "postgresql" else "of the API with its worker loop",
        ),
    ]


async def _rate(
    subject: Subject, refunds: int, terms: dict[str, Any] | None, cpu: list[float]
) -> float:
    done = await subject.run(refunds, terms=terms)
    cpu.append(done.cpu_ms_each)
    return done.per_second
