"""Refunds where the world is as it is: stray refusals, five faults, and a changing limit.

The limit is one of calls a second. Each is held to the same job without faults in the same rounds,
or to the upstream's own limit; the upstream counts.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import httpx
from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, AT_MOST, Figure, Goal, in_turns
from benchmarks.refunds import BOOKINGS_PER_SESSION, CONCURRENCY, Subject, begun, workers_over

LATENCY_SECONDS: Final = 0.01
_WARM: Final = 200
# One deadline and the quiescence, by the settings' own defaults.
_UNTIL_LOOKED_UP_SECONDS: Final = 15.0
_FIVE: Final = ("drop_before", "drop_after", "bad_gateway", "throttle", "unavailable")
_STEP_SECONDS: Final = 0.1
_SETTLED_SECONDS: Final = 5.0  # after a change, and what is seen of it is not its limit's
# (calls a second, for so long): the first meeting, then a fall and three rises.
_LIMITS: Final = ((100, 20.0), (25, 20.0), (100, 20.0), (400, 20.0))


async def measure(bench: Bench) -> list[Figure]:
    """All of it over PostgreSQL and Redis."""
    return [
        *await _with_faults(bench),
        *await _at_a_bucket(bench, 1),
        *await _at_a_bucket(bench, 2),
    ]


async def _with_faults(bench: Bench) -> list[Figure]:
    refunds = bench.size(30_000, 300)
    cases: dict[str, tuple[str, dict[str, Any], float, float]] = {
        "asked": ("1 % stray 429, Retry-After: 1", {"throttle": 0.01, "retry_after": 1}, 2.0, 0.85),
        "unasked": ("1 % stray 429 without Retry-After", {"throttle": 0.01}, 2.0, 0.85),
        "five": (
            "0.2 % each of five faults",
            {**dict.fromkeys(_FIVE, 0.002), "retry_after": 1},
            _UNTIL_LOOKED_UP_SECONDS,
            0.8,
        ),
    }
    async with AsyncExitStack() as stack:
        subject = await workers_over(bench, stack, "postgresql", latency_seconds=LATENCY_SECONDS)

        def under(faults: dict[str, Any]) -> Any:
            async def seconds() -> float:
                _set(subject, faults)
                return refunds / (await subject.run(refunds)).per_second

            return seconds

        await subject.run(_WARM)
        takes = {name: under(faults) for name, (_, faults, _, _) in cases.items()}
        taken = await in_turns(bench.rounds, none=under({}), **takes)
    return [
        Figure(
            f"durable refunds, {called}",
            "refunds/s",
            [refunds / seconds for seconds in taken[name]],
            f"without faults, and {grace:g} s",
            [refunds / (seconds + grace) for seconds in taken["none"]],
            Goal(AT_LEAST, goal),
            f"{refunds:,} refunds, {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms",
        )
        for name, (called, _, grace, goal) in cases.items()
    ]


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a run kept to one of its limits."""

    limit: int
    goodput: float  # of the limit
    refused: float  # of the answers
    followed_in: float


async def _at_a_bucket(bench: Bench, workers: int) -> list[Figure]:
    limits = _LIMITS[: bench.size(len(_LIMITS), 2)]
    shorter = [(rate, bench.size(10, 1) * held / 10) for rate, held in limits]
    runs = [await _run(bench, workers, shorter) for _ in range(bench.rounds)]
    called = "a bucket that changes" + ("" if workers == 1 else f", {workers} workers")
    figures = []
    for number, (rate, _) in enumerate(limits):
        kept = [run[number] for run in runs]
        after = f" after {limits[number - 1][0]}" if number else ""
        figures += [
            Figure(
                f"{called}: {rate} a second{after}",
                "of its limit",
                [one.goodput for one in kept],
                goal=Goal(AT_LEAST, 0.96 if workers == 1 else 0.95),
            ),
            Figure(
                f"{called}: refused at {rate}{after}",
                "share",
                [one.refused for one in kept],
                goal=Goal(AT_MOST, 0.02),
            ),
        ]
        if number:
            before = limits[number - 1][0]
            asked = 1.0 if rate < before else 3.5 if before < 100 else 2.0
            goal = Goal(AT_MOST, asked) if workers == 1 else None
            followed = [one.followed_in for one in kept]
            figures.append(Figure(f"{called}: from {before} to {rate}", "s", followed, goal=goal))
    return figures


async def _run(bench: Bench, workers: int, limits: list[tuple[int, float]]) -> list[_Kept]:
    """One large job through all limits, one after the other."""
    async with AsyncExitStack() as stack:
        subject = await workers_over(
            bench, stack, "postgresql", latency_seconds=LATENCY_SECONDS, count=workers
        )
        _set(subject, {"rate": limits[0][0], "retry_after": 1})
        enough = sum(rate * (held + 2) for rate, held in limits)
        await begun(subject, int(enough // BOOKINGS_PER_SESSION + 1) * BOOKINGS_PER_SESSION)
        kept = []
        for rate, held in limits:
            _set(subject, {"rate": rate, "retry_after": 1})
            kept.append(_judged(rate, await _seen(subject, held)))
    return kept


async def _seen(subject: Subject, seconds: float) -> list[dict[str, float]]:
    """What the upstream has counted, ten times a second."""
    counted = []
    async with httpx.AsyncClient() as client:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            counted.append((await client.get(f"{subject.upstream}/count")).json())
            await asyncio.sleep(_STEP_SECONDS)
    return counted


def _judged(rate: int, seen: list[dict[str, float]]) -> _Kept:
    settled_at = min(seen[0]["at"] + _SETTLED_SECONDS, seen[len(seen) // 2]["at"])
    goodput, refused = _between(next(one for one in seen if one["at"] >= settled_at), seen[-1])
    for first in seen:
        second = next((one for one in seen if one["at"] >= first["at"] + 1.0), None)
        if second is None:
            break
        passing, in_vain = _between(first, second)
        if passing >= 0.9 * rate and in_vain <= 0.1:
            return _Kept(rate, goodput / rate, refused, first["at"] - seen[0]["at"])
    return _Kept(rate, goodput / rate, refused, seen[-1]["at"] - seen[0]["at"])


def _between(first: dict[str, float], last: dict[str, float]) -> tuple[float, float]:
    """Refunds a second that were made, and the share of calls that were refused."""
    calls = max(1.0, last["count"] - first["count"])
    made_a_second = (last["made"] - first["made"]) / (last["at"] - first["at"])
    return made_a_second, (last["refused"] - first["refused"]) / calls


def _set(subject: Subject, faults: dict[str, Any]) -> None:
    httpx.put(f"{subject.upstream}/faults", json=faults).raise_for_status()
