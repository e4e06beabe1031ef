"""Messages of a job: claimed, frozen, written, sent and recorded, beside a bare loop.

The loop builds the same mails and sends them by the same client, and keeps nothing. So the ratio is
what it costs that each client is told once, whatever dies.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from aiosmtplib import SMTP
from benchmarks import bench as places
from benchmarks import expand, schedule
from benchmarks.bench import Bench
from benchmarks.figures import AT_LEAST, Figure, Goal, in_turns
from benchmarks.seed import seed
from pydantic import SecretStr
from worlds.smtp_server import smtp_server

from app import services
from app.cancellation import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.messages import claims
from app.db.messages.claims import ClaimedMessages
from app.db.tables.messages import messages
from app.domain.nouns.administration import COMMAND
from app.messages.deliver import office_of
from app.messages.mails import mail_of
from app.queue import LocalQueue

BUSINESS: Final = "b-told"
CONNECTIONS: Final = 4
_EACH: Final = 20  # bookings of a session, of a client each
_PATIENCE_SECONDS: Final = 600.0
_CLIENTS: Final = (
    """
    INSERT INTO clients (business_id, id, name, email, language)
    SELECT '{business}', 'c' || n, 'Kim ' || n, 'c' || n || '@example.org', 'en'
    FROM generate_series(0, {bookings} - 1) n
    """,
    """
    INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, status)
    SELECT '{business}', 's' || n, 'Yoga', '{day} 09:00Z', '{day} 10:00Z', 'UTC', 'scheduled'
    FROM generate_series(0, {bookings} / {each} - 1) n
    """,
    """
    INSERT INTO bookings (business_id, id, session_id, client_id, status)
    SELECT '{business}', 'b' || n, 's' || n / {each}, 'c' || n, 'booked'
    FROM generate_series(0, {bookings} - 1) n
    """,
    """
    INSERT INTO payment_lines (business_id, booking_id, line_no, method, payment_id, amount_minor,
                               currency)
    SELECT '{business}', 'b' || n, 1, 'payment', 'pay_' || n, 1000 + n, 'CAD'
    FROM generate_series(0, {bookings} - 1) n
    """,
)
_ALL_CAME_BACK: Final = """
    UPDATE refunds SET status = 'succeeded', due_at = NULL, settled_at = now(), attempts = 1,
                       outcome_seq = substr(booking_id, 2)::int + 1,
                       upstream_reference = 'up_' || booking_id
"""


async def measure(bench: Bench) -> list[Figure]:
    """One process over PostgreSQL, and a relay that answers at once in another."""
    count = bench.size(10_000, 100)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        relay = stack.enter_context(smtp_server(Path(bench.folder) / "messages-relay"))
        db = await stack.enter_async_context(places.opened(url))
        settings = Settings(
            database_url=url,
            smtp_url=SecretStr(relay.url),
            smtp_connections=CONNECTIONS,
            mail_from="bookings@studio.example",
        )
        await _due(url, db, count)
        batch = await _claimed(db, count)

        async def ours() -> float:
            await _undo(db)
            return await _told(db, settings, count)

        taken = await in_turns(
            bench.rounds, bare=lambda: _bare(relay.port, settings, batch), ours=ours
        )
        if len(relay.book("taken")) != 2 * bench.rounds * count:
            raise RuntimeError("not every mail was taken once")
    return [
        Figure(
            "clients told",
            "1/s",
            taken["ours"],
            "a bare loop that builds the same mails",
            taken["bare"],
            Goal(AT_LEAST, 0.8),
            f"{count:,} messages with calendars on {CONNECTIONS} connections, to aiosmtpd",
        )
    ]


async def _due(url: str, db: Database, count: int) -> None:
    """A job whose refunds have all come back, and whose clients are all due to hear so."""
    await schedule.business(db, BUSINESS)
    values = {"business": BUSINESS, "bookings": count, "each": _EACH, "day": schedule.DAY}
    await seed(url, _CLIENTS, **values)
    done = await accept.accept(
        db,
        LocalQueue(),
        business_id=BUSINESS,
        timezone="UTC",
        requested_by=COMMAND,
        idempotency_key="bench",
        request=Request(schedule.DAY, schedule.DAY, "all", messages={"clients": "email"}),
    )
    await expand.as_the_worker(db, str(done.job.id), count)
    await seed(url, (_ALL_CAME_BACK,))


async def _claimed(db: Database, count: int) -> ClaimedMessages:
    """All of them, as the first claim freezes them."""
    await _undo(db)
    async with db.write() as conn:
        batch = await claims.claim(conn, BUSINESS, most=count, lease_seconds=60.0)
    if len(batch.claimed) != count:
        raise RuntimeError(f"{len(batch.claimed)} of {count} clients are told")
    return batch


async def _undo(db: Database) -> None:
    """As if none had been claimed."""
    new = {"status": "pending", "composed_at": None, "sent_at": None, "tries": 0}
    fresh = sa.update(messages).values(**new, facts=sa.null(), due_at=messages.c.created_at)
    async with db.write() as conn:
        await conn.execute(fresh)
    async with db.autocommit() as conn:
        await conn.execute(sa.text("VACUUM ANALYZE messages"))
        await conn.execute(sa.text("CHECKPOINT"))


async def _told(db: Database, settings: Settings, count: int) -> float:
    """Messages a second, from the service's start to the last that is written down as sent."""
    stopping = asyncio.Event()
    service = services.telling_from(db, settings, stopping)
    sent = sa.select(sa.func.count()).where(messages.c.status == "sent")
    started = time.perf_counter()
    running = asyncio.create_task(services.keep_running(service, stopping))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with db.read() as conn:
                if await conn.scalar(sent) == count:
                    break
            await asyncio.sleep(0.05)
    seconds = time.perf_counter() - started
    stopping.set()
    await running
    return count / seconds


async def _bare(port: int, settings: Settings, batch: ClaimedMessages) -> float:
    left, office = iter(batch.claimed), office_of(settings)

    async def keep_sending() -> None:
        client = SMTP(hostname="localhost", port=port, start_tls=False, local_hostname="bare")
        async with client:
            for one in left:
                mail = mail_of(office, BUSINESS, batch, one)
                await client.sendmail(mail.envelope_from, [mail.recipient], mail.raw)

    started = time.perf_counter()
    await asyncio.gather(*(keep_sending() for _ in range(CONNECTIONS)))
    return len(batch.claimed) / (time.perf_counter() - started)
