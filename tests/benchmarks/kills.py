"""Refunds where workers are killed and answers are lost, beside an earlier build.

That is the build that still let one 429 silence a lane. Both builds run as processes over a
PostgreSQL, a Redis and a sandbox each, which is of this build for both: it makes every refund that
it is asked for, whatever its key, and its books say at the end whether each line came back once.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import bench as places
from benchmarks.bench import Bench
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns
from crash.kills import Killer
from crash.processes import BUSINESS, SHORT, Town, Zygote
from crash.week import Week, judge, week
from worlds.builds import OURS, Build, build_of

from app.config.settings import Settings

BEFORE_RATES: Final = "20f2aea"  # the last commit at which one 429 silenced a lane
REFUNDS: Final = 7_673
WORKERS: Final = 2
_PATIENCE_SECONDS: Final = 3_600.0
_PAUSE_SECONDS: Final = (0.5, 2.0)  # from one kill to the next, of either build
_FIVE: Final = ("drop_before", "drop_after", "answer_502_after", "answer_503", "answer_429")
_JUDGE: Final = {"ignore_keys": True, "forget_keys": True, "allow_excess": True}


@dataclass(frozen=True, slots=True)
class _Case:
    """What goes wrong, and what is asked of the time beside the earlier build's."""

    called: str
    faults: dict[str, Any]
    kills: int = 0
    goal: Goal | None = None


_CASES: Final = (
    _Case(
        "25 kills, 2.5 % each of five faults",
        {**dict.fromkeys(_FIVE, 0.025), "latency_seconds": 0.06},
        kills=25,
        goal=Goal(AT_MOST, 0.1),
    ),
    _Case("1 % stray 429, Retry-After: 1", {"answer_429": 0.01, "latency_seconds": 0.01}),
    _Case("0.2 % each of five faults", {**dict.fromkeys(_FIVE, 0.002), "latency_seconds": 0.01}),
)


async def measure(bench: Bench) -> list[Figure]:
    """Both builds in turns.

    In the short form this one stands in for the earlier, which takes a minute to install.
    """
    earlier = OURS if bench.short else await asyncio.to_thread(build_of, bench.folder, BEFORE_RATES)
    refunds = bench.refunds or bench.size(REFUNDS, 60)
    with _zygote(OURS) as ours, _zygote(earlier) as theirs:
        return [await _measured(bench, case, refunds, ours, theirs) for case in _CASES]


async def _measured(
    bench: Bench, case: _Case, refunds: int, ours: Zygote | None, theirs: Zygote | None
) -> Figure:
    kills = {"ours": [], "theirs": []}
    at_most = bench.size(case.kills, min(case.kills, 2))

    def by(name: str, zygote: Zygote) -> Any:
        async def seconds() -> float:
            taken, killed = await _run(bench, case, refunds, at_most, ours, zygote)
            kills[name].append(killed)
            told = f"{taken:.1f} s, {killed} kills, load {os.getloadavg()[0]:.0f} at its end"
            print(f"bench: {case.called}, {name}: {told}", file=sys.stderr, flush=True)
            return taken

        return seconds

    builds = {"ours": ours} | ({} if theirs is None else {"theirs": theirs})
    taken = await in_turns(
        bench.rounds, **{name: by(name, zygote) for name, zygote in builds.items()}
    )
    latency = f"{case.faults['latency_seconds'] * 1000:.0f} ms"
    note = (
        f"{refunds:,} refunds, {latency}, {WORKERS} workers; by the sandbox's books 0 lost, 0 twice"
    )
    if theirs is None:
        note += (
            f"; commit {BEFORE_RATES} is not in this checkout's history, so nothing stands beside"
        )
    if case.kills:
        note += f"; kills: {kills['ours']}" + (f" and {kills['theirs']}" if theirs else "")
    return Figure(
        f"refunds, {case.called}",
        "s",
        taken["ours"],
        "" if theirs is None else f"the build of {BEFORE_RATES}",
        taken.get("theirs", []),
        None if theirs is None else case.goal,
        note,
    )


async def _run(
    bench: Bench, case: _Case, refunds: int, at_most: int, ours: Zygote, build: Zygote
) -> tuple[float, int]:
    """One job of a build; its seconds, and how many were killed.

    The seconds are from the request to the end that its API tells of.

    Raises:
        RuntimeError: a line was lost, or came back twice.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(
            places.database(bench, "postgresql", is_migrated=False)
        )
        redis = stack.enter_context(places.redis_url())
        town = Town(
            ours, bench.folder, url, redis_url=redis, log_level="warning", **_settings(bench)
        )
        stack.callback(town.close)
        town.zygote = build  # of everything but the sandbox, which runs by now
        return await asyncio.to_thread(
            _played, town, case, week(refunds, kinds=("payment",)), at_most
        )


def _played(town: Town, case: _Case, made: Week, at_most: int) -> tuple[float, int]:
    _settle(town, made)
    town.faults(**_JUDGE, **case.faults)
    town.api()
    workers = [town.worker() for _ in range(WORKERS)]
    killer = Killer(at_most, _PAUSE_SECONDS, random.Random(1))
    started = time.monotonic()
    job_id = town.cancel_all()
    killer.kill_until_finished(town, job_id, workers, town.worker, seconds=_PATIENCE_SECONDS)
    seconds = time.monotonic() - started
    verdict = judge(town.books(), made.lines)
    if verdict.lost or verdict.twice or verdict.foreign:
        raise RuntimeError(f"{case.called}: {verdict}")
    return seconds, killer.kills


def _settle(town: Town, made: Week) -> None:
    """By the build's own commands: its schema is its own."""

    def command(*arguments: str, stdin: str = "") -> str:
        code, out, errors = town.zygote.command(arguments, town.environment(), town.folder, stdin)
        if code:
            raise RuntimeError(f"{arguments} failed:\n{errors[-2000:]}")
        return out

    command("migrate")
    command(
        "business", "create", BUSINESS, "--name", "Studio", "--timezone", "UTC", "--currency", "EUR"
    )
    town.keys[BUSINESS] = command("keys", "create", BUSINESS).strip()
    command("import", "-", "--business", BUSINESS, stdin=b"".join(made.ndjson()).decode())


def _settings(bench: Bench) -> dict[str, Any]:
    """The defaults that operators have, not the fault tests' shorter ones.

    The short form keeps those.
    """
    return {} if bench.short else {name: Settings.model_fields[name].default for name in SHORT}


@contextmanager
def _zygote(build: Build | None) -> Iterator[Any]:
    if build is None:
        yield None
        return
    zygote = Zygote(build.python, build.root)
    try:
        yield zygote
    finally:
        zygote.close()
