"""The same refunds by DBOS, Celery and one arq task each, side by side with ours and with the wire.

They come from their public packages and run in an environment of their own (`make bench` makes it),
each with what it does best with: see `elsewhere/`. Nothing is asked of these figures. Before its
first round each shows to the sandbox's books that it makes each refund once (the short form leaves
that out); in the rounds the upstream, the same for all, counts the calls.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from benchmarks import bench as places
from benchmarks.bench import ROOT, Bench, Kind, Other
from benchmarks.figures import Figure, in_turns
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, Done, raw_sockets, workers_over

PYTHON: Final = ROOT / ".venv-bench" / "bin" / "python"
PROGRAMS: Final = Path(__file__).parent / "elsewhere"
OURS: Final[dict[str, Kind]] = {"ours, PostgreSQL": "postgresql", "ours, SQLite": "sqlite"}
THEIRS: Final = {
    "DBOS steps": "by_dbos",
    "Celery tasks": "by_celery",
    "one arq task each": "by_arq",
}
_WARM: Final = 120


@dataclass(slots=True)
class Racer:
    """One of those who make refunds, and what it has shown of itself."""

    name: str
    refunds: int
    run: Callable[[], Awaitable[Done]]
    cpu_ms_each: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    async def take(self) -> float:
        done = await self.run()
        self.cpu_ms_each.append(done.cpu_ms_each)
        return done.per_second

    def figures(self, per_second: list[float], wire: list[float]) -> list[Figure]:
        """Its rate beside the wire, and what a refund costs its workers in CPU."""
        packages = [f"{package} {version}" for package, version in self.versions.items()]
        note = ", ".join([f"{self.refunds:,} refunds a round", *packages])
        return [
            Figure(
                f"side by side, {self.name}",
                "refunds/s",
                per_second,
                "raw sockets",
                wire,
                note=note,
            ),
            Figure(f"CPU side by side, {self.name}", "ms", self.cpu_ms_each, note=note),
        ]


async def measure(bench: Bench) -> list[Figure]:
    """Raw sockets, ours and each of theirs in turns.

    Without their environment nothing is taken, and it says so.
    """
    if not PYTHON.exists():
        print(
            f"bench: others: left out, for there is no {PYTHON.relative_to(ROOT)}: make bench",
            file=sys.stderr,
        )
        return []
    many, few = bench.size(10_000, 300), bench.size(1_000, 64)
    async with AsyncExitStack() as stack:
        theirs = {
            "redis_url": stack.enter_context(places.redis_url()),
            "database_url": await stack.enter_async_context(places.database(bench, "postgresql")),
        }
        if not bench.short:
            await _prove(bench, **theirs)
        address = stack.enter_context(places.upstream(bench, latency_seconds=LATENCY_SECONDS))
        racers = [await _ours(bench, stack, name, many) for name in OURS]
        racers += [_other(name, few, _counted, address=address, **theirs) for name in THEIRS]
        takes = {racer.name: racer.take for racer in racers}
        taken = await in_turns(bench.rounds, wire=lambda: raw_sockets(address, many), **takes)
    return [
        figure for racer in racers for figure in racer.figures(taken[racer.name], taken["wire"])
    ]


async def _prove(bench: Bench, **theirs: Any) -> None:
    """Have each of theirs make some refunds at the sandbox.

    Raises:
        RuntimeError: one was made twice, or not at all.
    """
    with places.sandbox(bench, latency_seconds=LATENCY_SECONDS) as books:
        for name in THEIRS:
            await _other(name, _WARM, _in_books, address=books, **theirs).run()


async def _ours(bench: Bench, stack: AsyncExitStack, name: str, refunds: int) -> Racer:
    subject = await workers_over(bench, stack, OURS[name], latency_seconds=LATENCY_SECONDS)
    await subject.run(_WARM)
    return Racer(name, refunds, lambda: subject.run(refunds))


def _other(
    name: str, refunds: int, made: Callable[[str], Awaitable[int]], *, address: str, **given: Any
) -> Racer:
    program = Other(PYTHON, PROGRAMS / f"{THEIRS[name]}.py")

    async def run() -> Done:
        before = await made(address)
        shown = await asyncio.to_thread(
            program.measure,
            address=address,
            refunds=refunds,
            warm=_WARM,
            concurrency=CONCURRENCY,
            **given,
        )
        calls = await made(address) - before
        if calls != refunds + _WARM:
            raise RuntimeError(
                f"{name} was to make {refunds + _WARM} refunds, and {calls} were made"
            )
        racer.versions = shown["versions"]
        return Done(shown["per_second"], shown["cpu_ms_each"])

    racer = Racer(name, refunds, run)
    return racer


async def _counted(upstream: str) -> int:
    async with httpx.AsyncClient() as http:
        return int((await http.get(f"{upstream}/count")).json()["count"])


async def _in_books(sandbox: str) -> int:
    """How many refunds the sandbox has made.

    Raises:
        RuntimeError: it made one of them twice.
    """
    async with httpx.AsyncClient() as http:
        books = (await http.get(f"{sandbox}/books", params={"effects": "false"})).json()["payments"]
    if books["twice"]:
        raise RuntimeError(f"made twice: {books['twice']}")
    return int(books["totals"]["succeeded"])
