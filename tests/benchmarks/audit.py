"""The audit CSV of a large job through the API, against psql's COPY.

Its time, its first line, and the API's memory.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench, Server
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns
from benchmarks.seed import seed
from sqlalchemy.dialects import postgresql

from app.db.jobs.audit_rows import refund_lines
from app.domain.refund_ids import milliseconds
from app.domain.texts import csv_cells

BUSINESS: Final = "b-audit"
JOB: Final = "01941f29-7c00-7000-8000-000000000000"
SMALL_JOB: Final = "01941f29-7c01-7000-8000-000000000000"  # of one line
LINES_PER_SESSION: Final = 500
_MIB: Final = 1024 * 1024
_SAMPLED_SECONDS: Final = 0.02

_CLIENTS: Final = (
    (
        """
    INSERT INTO clients (business_id, id, name, email)
    SELECT '{business}', 'c' || n, 'Kim Li ' || n, 'kim.li.' || n || '@example.org'"""
        """ FROM generate_series(0, 19999) n
    """
    ),
)
_A_JOB: Final = (
    (
        """
    INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, status, date_from,"""
        """ date_to, reason,
                      include_attended, requested_by, requested_at, started_at, finished_at,"""
        """ accepted_sessions,
                      expanded_sessions, totals, outcome_seq)
    SELECT '{job}', '{business}', '{job}', '', 'completed', '{day}', '{day}', 'Snow day', false,"""
        """ 'key:front desk',
           now(), now(), now(), {sessions}, {sessions},
           '{{"refunds": {lines}, "nothing_to_return": 0}}', {lines}
    """
    ),
    (
        """
    INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, location,"""
        """ instructor, status, job_id,
                          cancelled_at)
    SELECT '{business}', 's{sessions}-' || n, 'Vinyasa flow', '{day} 09:00Z', '{day} 10:00Z',"""
        """ 'UTC', 'Studio 1', 'Noor',
           'cancelled', '{job}', now()
    FROM generate_series(0, {sessions} - 1) n
    """
    ),
    (
        """
    INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome, bookings,"""
        """ session_name,
                              session_starts_at, session_timezone, location, instructor)
    SELECT '{job}', 's{sessions}-' || n, '{business}', n, n, 'accepted', {each}, 'Vinyasa flow',"""
        """ '{day} 09:00Z', 'UTC',
           'Studio 1', 'Noor'
    FROM generate_series(0, {sessions} - 1) n
    """
    ),
    (
        """
    INSERT INTO refunds (id, business_id, job_id, session_id, booking_id, client_id, line_no,"""
        """ method, payment_id,
                         amount_minor, currency, status, epoch, attempts, key_generation,"""
        """ upstream_reference,
                         outcome_seq, first_due_at, settled_at)
    SELECT refund_id({milliseconds}, n / {each}, '{job}', 'b' || n, 1), '{business}', '{job}',
           's{sessions}-' || n / {each}, 'b{sessions}-' || n, 'c' || n % 20000, 1, 'payment',"""
        """ 'pay_' || n,
           {price}, 'CAD', 'succeeded', 1, 1, 0, 're_' || n, n + 1, now(), now()
    FROM generate_series(0, {lines} - 1) n
    """
    ),
)


async def measure(bench: Bench) -> list[Figure]:
    """The download, to a file as psql's; each from a process that has sent one line so far."""
    lines = bench.size(1_000_000, 1_000)
    into = bench.folder / "audit.csv"
    async with places.database(bench, "postgresql") as url:
        async with places.opened(url) as db:
            key = await schedule.business(db, BUSINESS)
        await _seed(url, lines)
        downloads: list[Download] = []

        async def ours() -> float:
            with (
                places.redis_url() as redis,
                places.api(bench, database_url=url, redis_url=redis) as (address, server),
            ):
                await download(address, key, server, SMALL_JOB, into)
                downloads.append(await download(address, key, server, JOB, into))
            _check(into, lines)
            return downloads[-1].seconds

        async def floor() -> float:
            return await psql(url, into)

        await floor()
        taken = await in_turns(bench.rounds, ours=ours, floor=floor)
    size = f"{lines:,} lines, {into.stat().st_size / _MIB:,.0f} MiB"
    return [
        Figure(
            "audit CSV of a large job",
            "s",
            taken["ours"],
            "psql COPY to a file",
            taken["floor"],
            Goal(AT_MOST, 1.25),
            size,
        ),
        Figure(
            "its first line",
            "ms",
            [1000 * one.first_line_seconds for one in downloads],
            goal=Goal(AT_MOST, 200),
            note="the first line after the header",
        ),
        Figure(
            "the API's memory growth meanwhile",
            "MiB",
            [one.grown_bytes / _MIB for one in downloads],
            goal=Goal(AT_MOST, 8),
            note=f"resident, the most seen at every {_SAMPLED_SECONDS * 1000:.0f} ms",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Download:
    """One audit, received."""

    seconds: float
    first_line_seconds: float
    grown_bytes: int


async def download(address: str, key: str, server: Server, job_id: str, into: Path) -> Download:
    """Stream the audit into a file, and look at the server's memory meanwhile."""
    before = server.resident_bytes
    most = before
    received = 0
    first_line_seconds = 0.0
    header_bytes = len(csv_cells.header())
    url = f"{address}/v1/bulk-cancellations/{job_id}/audit.csv"
    started = looked = time.perf_counter()
    with into.open("wb") as file:
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", url, headers={"Authorization": f"Bearer {key}"}) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_raw():
                file.write(chunk)
                received += len(chunk)
                now = time.perf_counter()
                if not first_line_seconds and received > header_bytes:
                    first_line_seconds = now - started
                if now - looked > _SAMPLED_SECONDS:
                    looked = now
                    most = max(most, server.resident_bytes)
    return Download(
        time.perf_counter() - started, first_line_seconds, max(most, server.resident_bytes) - before
    )


async def psql(url: str, into: Path) -> float:
    """The same lines by psql, in the settings of our connections."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = refund_lines(JOB).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    quoted = ", ".join(csv_cells.QUOTED)
    copy = f"COPY ({compiled}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE ({quoted}))"
    started = time.perf_counter()
    with into.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *("psql", "-X", "-q", "-c", copy, places.driver_url(url)),
            stdout=file,
            env=os.environ | {"PGOPTIONS": "-c jit=off -c timezone=UTC"},
        )
        if await process.wait():
            raise RuntimeError("psql failed")
    return time.perf_counter() - started


async def _seed(url: str, lines: int) -> None:
    await seed(url, _CLIENTS, business=BUSINESS)
    for job_id, sessions, each in (
        (SMALL_JOB, 1, 1),
        (JOB, lines // LINES_PER_SESSION, LINES_PER_SESSION),
    ):
        await seed(
            url,
            _A_JOB,
            business=BUSINESS,
            job=job_id,
            day=schedule.DAY,
            sessions=sessions,
            each=each,
            lines=sessions * each,
            milliseconds=milliseconds(job_id),
            price=schedule.PRICE_MINOR,
        )


def _check(csv: Path, lines: int) -> None:
    with csv.open("rb") as file:
        found = sum(block.count(b"\n") for block in iter(lambda: file.read(_MIB), b""))
    if found != lines + 1:
        raise RuntimeError(f"{found} lines instead of {lines + 1}")
