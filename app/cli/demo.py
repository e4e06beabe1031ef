"""The command `demo`: a sample studio's week, the sandbox as its upstreams, the worker and the API, in one process.

Everything is made anew at each start and nothing outside `var/demo.db` is touched.
"""

import asyncio
import datetime as dt
import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from app.auth import Scope, create_key
from app.cancellation import read
from app.cli.servers import Port, listening
from app.cli.terminal import Trouble, run, say, stderr
from app.config import Settings
from app.db import businesses
from app.db.engine import Database
from app.db.schema import migrate
from app.db.tables import RefundStatus
from app.main import create_app
from app.sandbox.app import create_sandbox
from app.schedule.load import import_file
from app.schedule.sample import sample_lines
from app.serving import address_of, serve, served
from app.telemetry import configure_logging

_DATABASE: Final = Path("var/demo.db")
_BUSINESS: Final = "demo"
_ZONE: Final = "America/Toronto"
_LATENCY: Final = {"latency_seconds": 0.15, "latency_jitter_seconds": 0.1}
_LOOK_SECONDS: Final = 0.25
_SHOWN_JOBS: Final = 5
_FINAL: Final = frozenset(
    {RefundStatus.SUCCEEDED, RefundStatus.REJECTED, RefundStatus.SKIPPED, RefundStatus.RESOLVED}
)


def demo(port: Port = 8000) -> None:
    """Run everything in one process, with a sample studio's week to cancel; nothing else is needed."""
    configure_logging(json_lines=False, level="warning")
    with listening("127.0.0.1", port) as listener:
        _remove_database()
        url = f"sqlite+aiosqlite:///{_DATABASE}"
        migrate(url)
        run(_demo(url, listener))


def _remove_database() -> None:
    for suffix in ("", "-wal", "-shm"):
        _DATABASE.with_name(_DATABASE.name + suffix).unlink(missing_ok=True)


async def _demo(url: str, listener: socket.socket) -> None:
    today = dt.datetime.now(ZoneInfo(_ZONE)).date()
    async with served(create_sandbox()) as sandbox:
        async with httpx.AsyncClient() as client:
            await client.put(f"{sandbox}/faults", json={"payments": _LATENCY, "credits": _LATENCY})
        settings = Settings(
            database_url=url,
            redis_url=None,
            payments_url=f"{sandbox}/payments",
            credits_url=f"{sandbox}/credits",
            payments_token=None,
            credits_token=None,
        )
        db = Database(url)
        try:
            key = await _studio(db, sample_lines(today))
            _tell(address_of(listener), sandbox, key, today)
            watching = asyncio.create_task(_watch(db))
            await serve(create_app(settings), listener)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        finally:
            await db.close()


async def _studio(db: Database, lines: Sequence[bytes]) -> str:
    """Fills the database; returns a key with every scope."""
    async with db.write() as conn:
        await businesses.create(conn, _BUSINESS, "Demo Studio", _ZONE, "CAD")
    with Progress(
        TextColumn("loading a week"), BarColumn(), MofNCompleteColumn(), console=stderr, transient=True
    ) as progress:
        bar = progress.add_task("load", total=len(lines))
        report = await import_file(db, _BUSINESS, lines, lambda done: progress.update(bar, completed=done))
    if report.errors:
        raise Trouble(f"The sample has {report.errors} bad lines: {report.first_errors[0]}")
    say(f"Loaded {report.sessions.created} sessions and {report.bookings.created} bookings of a sample studio.")
    return await create_key(db, _BUSINESS, "demo", Scope)


def _tell(address: str, sandbox: str, key: str, today: dt.date) -> None:
    week = {"date_from": str(today), "date_to": str(today + dt.timedelta(days=6)), "session_ids": "all"}
    body = json.dumps(week | {"reason": "Snow day"})
    post = "curl -s -H \"$K\" -H 'Content-Type: application/json'"
    say(
        f"""
Bulk Cancel is at {address} (documentation: {address}/docs), its upstreams' books at {sandbox}/books.

  A={address}
  K='Authorization: Bearer {key}'

What would cancelling the week do? This changes nothing:

  {post} $A/v1/bulk-cancellations/plan -d '{body}'

Cancel it. All sessions read cancelled at once; the money and the credits go back in the background:

  JOB=$({post} -H 'Idempotency-Key: snow-day' $A/v1/bulk-cancellations -d '{body}' | sed -E 's/^\\{{"id":"([^"]+)".*/\\1/')

Follow every refund to its end, as CSV:

  curl -sN -H "$K" "$A/v1/bulk-cancellations/$JOB/audit.csv?follow=true"

Its progress is shown below. Ctrl-C ends the demo.
"""
    )


async def _watch(db: Database) -> None:
    """Shows each job as a bar on a terminal, and elsewhere as a line whenever its status changes."""
    bars: dict[str, TaskID] = {}
    told: dict[str, str] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("refunds"))
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as progress:
        while True:
            for job_id, status, done, total in await _jobs(db):
                if job_id not in bars:
                    bars[job_id] = progress.add_task(job_id, total=total)
                progress.update(bars[job_id], description=f"job {job_id} {status}", completed=done)
                if not stderr.is_terminal and told.get(job_id) != status:
                    say(f"job {job_id}: {status}, {done} of {total} refunds settled")
                    told[job_id] = status
            await asyncio.sleep(_LOOK_SECONDS)


async def _jobs(db: Database) -> list[tuple[str, str, int, int]]:
    """The newest jobs, oldest first: id, status, settled refunds, all refunds."""
    jobs = []
    for newest in await read.newest(db, _BUSINESS, status=None, before=None, limit=_SHOWN_JOBS):
        view = await read.one(db, _BUSINESS, newest.row["id"])
        done = sum(one.count for status, one in view.refunds.items() if status in _FINAL)
        total = sum(one.count for one in view.refunds.values())
        jobs.append((str(view.row["id"]), str(view.row["status"]), done, total))
    return jobs[::-1]
