"""Refunds of a job whose clients are told by e-mail, beside the same job that tells nobody.

Both are in one run, by the same worker, with a relay that takes mail at once: a refund's outcome
makes a message due in its own transaction, and messages are sent as far as refunds leave it time.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

import sqlalchemy as sa
from benchmarks.bench import Bench, Kind
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from benchmarks.refunds import CONCURRENCY, LATENCY_SECONDS, Subject, workers_over
from worlds.smtp_server import smtp_server

from app.db.core.engine import Database
from app.db.tables.messages import messages

BOOKINGS_EACH: Final = 4  # of a client
_SAID: Final[dict[str, Any]] = {"messages": {"clients": "email"}}
_CALLED: Final[dict[Kind, str]] = {"postgresql": "PostgreSQL", "sqlite": "SQLite, embedded"}
_WARM: Final = 200
_FLOOR: Final = "the same job telling nobody"
_PATIENCE_SECONDS: Final = 300.0


async def measure(bench: Bench) -> list[Figure]:
    """Both databases, each job with messages and without in turns."""
    refunds = bench.size(10_000, 300)
    return [
        figure
        for kind, called in _CALLED.items()
        for figure in await _of(bench, kind, called, refunds)
    ]


async def _of(bench: Bench, kind: Kind, called: str, refunds: int) -> list[Figure]:
    cpu: dict[str, list[float]] = {"told": [], "untold": []}
    async with AsyncExitStack() as stack:
        relay = stack.enter_context(smtp_server(bench.folder / f"relay-{kind}"))
        subject = await workers_over(
            bench,
            stack,
            kind,
            latency_seconds=LATENCY_SECONDS,
            smtp_url=relay.url,
            mail_from="bookings@studio.example",
        )

        async def told() -> float:
            return await _rate(subject, refunds, cpu["told"], **_SAID)

        async def untold() -> float:
            return await _rate(subject, refunds, cpu["untold"])

        await _rate(subject, _WARM, [], **_SAID)
        await _rate(subject, _WARM, [])
        taken = await in_turns(bench.rounds, told=told, untold=untold)
        mails = len(relay.book("taken"))
    if mails != (bench.rounds * refunds + _WARM) // BOOKINGS_EACH:
        raise RuntimeError(f"{mails} mails: not every client was told once")
    size = (
        f"{refunds:,} refunds of {refunds // BOOKINGS_EACH:,} clients,"
        f" {CONCURRENCY} x {LATENCY_SECONDS * 1000:.0f} ms"
    )
    return [
        Figure(
            f"durable refunds whose clients are told, {called}",
            "refunds/s",
            taken["told"],
            _FLOOR,
            taken["untold"],
            Goal(AT_LEAST, 0.95),
            size,
        ),
        Figure(
            f"CPU of a durable refund whose client is told, {called}",
            "ms",
            cpu["told"],
            _FLOOR,
            cpu["untold"],
            note="until the job's end, and so with the mails that were sent by then",
        ),
    ]


async def _rate(subject: Subject, refunds: int, cpu: list[float], **said: Any) -> float:
    done = await subject.run(refunds, clients=refunds // BOOKINGS_EACH, **said)
    cpu.append(done.cpu_ms_each)
    await _nobody_waits(subject.db)
    return done.per_second


async def _nobody_waits(db: Database) -> None:
    waiting = sa.select(sa.exists().where(messages.c.due_at.is_not(None)))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.read() as conn:
                if not await conn.scalar(waiting):
                    return
            await asyncio.sleep(0.05)
