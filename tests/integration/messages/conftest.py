"""What tests of messages ask for: a studio whose clients are told, and what is due to them."""

import asyncio
import contextlib

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from worlds.records import booking, client, session
from worlds.smtp_server import smtp_server

from app import services
from app.config.settings import Settings
from app.db.core.dialect import later
from app.db.messages import attempts, claims
from app.db.messages.attempts import TryRow
from app.db.tables.messages import messages
from app.domain.messages.facts import ToldFacts
from app.domain.statuses import MessageStatus
from app.refunds.slices.run import run_slice

TOLD = {"clients": "email"}


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


class Told:
    """A job whose clients are told, what is due of its messages, and the world around it."""

    def __init__(self, studio):
        self.studio, self.db, self.job_id = studio, studio.db, None

    async def cancel(self, *session_ids, messages=None, **members):
        job = await self.studio.accepted(
            list(session_ids) or "all", messages=messages or TOLD, **members
        )
        self.job_id = job["id"]
        return job

    async def work(self):
        await self.studio.work(self.job_id)

    async def slice(self):
        """What is due of refunds now."""
        return await run_slice(self.studio.runtime, self.job_id, seconds=5)

    async def listed(self, **query):
        path = f"/bulk-cancellations/{self.job_id}/messages"
        return await self.studio.pages(path, **query)

    async def claim(self, *, most=50):
        """The messages that are due now, by their addressees; each is this worker's then."""
        async with self.db.write() as conn:
            got = await claims.claim(conn, "studio", most=most, lease_seconds=60.0)
        return {one.addressee: one for one in got.claimed}

    async def send(self, *claimed):
        """Record that a relay took these."""
        rows = [
            TryRow(one.id, one.epoch, MessageStatus.SENT, recipient=one.contact.address)
            for one in claimed
        ]
        async with self.db.write() as conn:
            await attempts.record(conn, "studio", rows)

    async def send_all(self):
        """Claim and send all that is due; the facts of each, by its addressee."""
        claimed = await self.claim()
        if claimed:
            await self.send(*claimed.values())
        return {addressee: ToldFacts.of(one.facts) for addressee, one in claimed.items()}

    async def let_time_be_up(self):
        """Have the time be up of all that waits for its end."""
        moment = later(sa.literal(-1.0, sa.Float))
        async with self.db.write() as conn:
            waiting = sa.update(messages).where(messages.c.facts.is_(None))
            await conn.execute(waiting.values(due_at=moment))


@pytest.fixture
async def told(studio):
    """The studio with two classes and clients of every kind."""
    await studio.load(
        client("kim", language="fr-CA"),
        client("lee"),
        client("mia"),
        client("noa"),
        client("pat"),
        session("yoga", starts_in_hours=24),
        session("spin", starts_in_hours=26),
        session("begun", starts_in_hours=-0.5),
        booking("card", "yoga", ("CAD", 2000)),
        booking("yen", "spin", ("JPY", 500)),
        booking("credit", "yoga", ("credits", 2), client_id="lee"),
        booking("member", "yoga", client_id="mia"),
        booking("waits", "yoga", ("CAD", 900), status="waitlisted", client_id="noa"),
        booking("attended", "begun", ("CAD", 700), status="checked_in", client_id="pat"),
    )
    return Told(studio)


@pytest.fixture
def relay(tmp_path):
    with smtp_server(tmp_path / "relay") as server:
        yield server


@contextlib.asynccontextmanager
async def sending(told, relay, **settings):
    """The service of a process that sends messages."""
    named = {"smtp_url": SecretStr(relay.url), "mail_from": "bookings@studio.example"}
    settings = told.studio.runtime.settings.model_copy(update=named | settings)
    stopping = asyncio.Event()
    service = services.telling_from(told.db, settings, stopping, jitter=lambda: 0.0)
    running = asyncio.create_task(services.keep_running(service, stopping))
    try:
        yield
    finally:
        stopping.set()
        await running


async def due_now(told):
    """As if the pause before the next try were over."""
    async with told.db.write() as conn:
        pending = sa.update(messages).where(messages.c.due_at.is_not(None))
        await conn.execute(pending.values(due_at=later(sa.literal(-1.0, sa.Float))))
    told.db.listeners.messages_due()


async def rests(told):
    return all(one["status"] != "pending" for one in await told.listed())
