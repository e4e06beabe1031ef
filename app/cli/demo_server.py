"""What `demo` runs, in one process.

A studio's two weeks, the sandbox as its upstreams, the worker and the API.
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
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from app.auth.keys import create_key
from app.auth.roles import Scope
from app.cancellation import read
from app.cli.terminal import CommandError, say, stderr
from app.config.environment import read_settings
from app.config.values import SANDBOX
from app.db.access import businesses
from app.db.core.engine import Database
from app.domain.messages.settings import MessageTerms, Sender, ToldBy
from app.domain.nouns.administration import COMMAND
from app.domain.statuses import FINAL
from app.main import create_app
from app.messages import settings as message_settings
from app.messages.settings import BusinessMessages
from app.sandbox.app import create_sandbox
from app.schedule.load import import_file
from app.schedule.sample import CURRENCY, ZONE, sample_lines
from app.serving import address_of, serve, served

_BUSINESS: Final = "demo"
_WEEK: Final = dt.timedelta(days=7)
_LATENCY: Final = {"latency_seconds": 0.15, "latency_jitter_seconds": 0.1}
_LOOK_SECONDS: Final = 0.25
_SHOWN_JOBS: Final = 5
_ID_OUT: Final = """sed -E 's/^\\{"id":"([^"]+)".*/\\1/'"""


async def run_studio(url: str, outbox: Path, listener: socket.socket) -> None:
    """Fills the empty database at `url`, and serves until SIGTERM or SIGINT.

    Mails land in the folder `outbox`, whatever relay the environment names.

    It tells what to try before it serves.
    """
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    weeks = [sample_lines(today), sample_lines(today + _WEEK)]
    async with served(create_sandbox()) as sandbox:
        async with httpx.AsyncClient() as client:
            await _register_payments(client, sandbox, weeks)
            await client.put(f"{sandbox}/faults", json={"payments": _LATENCY, "credits": _LATENCY})
        settings = read_settings(
            database_url=url,
            redis_url=None,
            payments_provider="http",
            payments_url=SANDBOX,
            credits_url=SANDBOX,
            sandbox_url=sandbox,
            payments_token=None,
            credits_token=None,
            smtp_url=None,
            outbox=outbox,
            public_url=None,
            webhook_loopback=True,
        )
        address = f"{address_of(listener)}{settings.root_path or ''}"
        settings = settings.model_copy(update={"public_url": address})
        db = Database(url)
        try:
            key = await _studio(db, [*weeks[0], *weeks[1]])
            _tell(
                address,
                sandbox,
                key,
                today - dt.timedelta(days=today.weekday()) + _WEEK,
            )
            watching = asyncio.create_task(_watch(db))
            await serve(
                create_app(settings, demo_key=key),
                listener,
                silence_seconds=settings.silence_seconds,
                keep_alive_seconds=settings.keep_alive_seconds,
            )
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        finally:
            await db.close()


async def _register_payments(
    client: httpx.AsyncClient, sandbox: str, weeks: Sequence[Sequence[bytes]]
) -> None:
    """Have the payment service know what was paid, so that a check of a plan finds it.

    Of this week one payment is disputed, and one too old; next week is as it should be.
    """
    facts: dict[int, dict[str, object]] = {
        0: {"disputed": True},
        1: {"refundable_until": "2020-01-01T00:00:00Z"},
    }
    total = 0
    for week, lines in enumerate(weeks):
        paid = [line for line in map(orjson.loads, lines) if line["type"] == "booking"]
        payments = [one for line in paid for one in line["payments"] if "payment_id" in one]
        for place, one in enumerate(payments):
            known = {name: one[name] for name in ("amount_minor", "currency")}
            known |= {"business_id": _BUSINESS} | (facts.get(place, {}) if week == 0 else {})
            await client.put(f"{sandbox}/payments/{one['payment_id']}", json=known)
            total += one["amount_minor"]
    await client.put(f"{sandbox}/balance", json={CURRENCY: total})


async def _studio(db: Database, lines: Sequence[bytes]) -> str:
    """Fills the database; returns a key with every scope."""
    async with db.write() as conn:
        await businesses.create(conn, _BUSINESS, "Demo Studio", ZONE, CURRENCY)
    with Progress(
        TextColumn("loading two weeks"),
        BarColumn(),
        MofNCompleteColumn(),
        console=stderr,
        transient=True,
    ) as progress:
        bar = progress.add_task("load", total=len(lines))
        report = await import_file(
            db, _BUSINESS, lines, lambda done: progress.update(bar, completed=done)
        )
    if report.errors:
        raise CommandError(
            f"The sample has {report.errors} bad lines: {report.first_errors.shown(1)}"
        )
    say(
        f"Loaded {report.sessions.created} sessions and {report.bookings.created} bookings of a "
        "sample studio."
    )
    terms, sender = MessageTerms(clients=ToldBy.EMAIL), Sender(sender_name="Demo Studio")
    await message_settings.put(db, _BUSINESS, BusinessMessages(terms, sender), by=COMMAND)
    return await create_key(db, _BUSINESS, "demo", Scope)


def _tell(address: str, sandbox: str, key: str, monday: dt.date) -> None:
    week = {
        "date_from": str(monday),
        "date_to": str(monday + dt.timedelta(days=6)),
        "session_ids": "all",
    }
    body = json.dumps(week | {"reason": "Snow day"})
    post = "curl -s -H \"$K\" -H 'Content-Type: application/json'"
    say(
        f"""
Open it in a browser, where you are signed in:   {address}
What the studio's clients see:                   {address}/c/{_BUSINESS}
The mails that they would get:                   {address}/outbox
The API's documentation:                         {address}/docs
The books of its payment and credit services:    {sandbox}/books

Or use the API, as your front end would:

  A={address}
  K='Authorization: Bearer {key}'

What would cancelling next week do? This changes nothing:

  {post} $A/v1/bulk-cancellations/plan -d '{body}'

The same, with the payment service asked about each payment (of this week, two would not come back):

  {post} -N "$A/v1/bulk-cancellations/plan?check=true" -d '{body}'

Cancel it. All sessions read cancelled at once; the money and the credits go back in the background:

  JOB=$({post} -H 'Idempotency-Key: snow-day' $A/v1/bulk-cancellations -d '{body}' | {_ID_OUT})

Follow every refund to its end, as CSV:

  curl -sN -H "$K" "$A/v1/bulk-cancellations/$JOB/audit.csv?follow=true"

The tour of docs/integrating.md reads:

  export API={address} KEY={key} FROM={week["date_from"]} TO={week["date_to"]} PORT=8099

Its progress is shown below. Ctrl-C ends the demo.
"""
    )


async def _watch(db: Database) -> None:
    """Shows each job as a bar on a terminal, and elsewhere as lines.

    There is a line whenever its status changes.
    """
    bars: dict[str, TaskID] = {}
    shown: dict[str, str] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("refunds"),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as progress:
        while True:
            for job_id, status, done, total in await _jobs(db):
                if job_id not in bars:
                    bars[job_id] = progress.add_task(job_id, total=total)
                progress.update(bars[job_id], description=f"job {job_id} {status}", completed=done)
                if not stderr.is_terminal and shown.get(job_id) != status:
                    say(f"job {job_id}: {status}, {done} of {total} refunds settled")
                    shown[job_id] = status
            await asyncio.sleep(_LOOK_SECONDS)


async def _jobs(db: Database) -> list[tuple[str, str, int, int]]:
    """The newest jobs, oldest first: id, status, settled refunds, all refunds."""
    jobs = []
    for newest in await read.newest(
        db, _BUSINESS, read.JobFilter(), before=None, limit=_SHOWN_JOBS
    ):
        view = await read.one(db, _BUSINESS, newest.job.id)
        done = sum(one.count for status, one in view.refunds.items() if status in FINAL)
        total = sum(one.count for one in view.refunds.values())
        jobs.append((view.job.id, str(view.job.status), done, total))
    return jobs[::-1]
