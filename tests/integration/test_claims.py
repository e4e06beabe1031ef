"""Nothing is called for that is not committed as claimed (rule 2).

Whatever becomes of the transaction.
"""

import datetime as dt
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from app.cancellation import accept
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core.engine import Database
from app.db.tables import refunds
from app.domain.nouns.administration import COMMAND
from app.fault_points import Step
from app.gateways.outcomes import Succeeded, UpstreamMethod
from app.queue import LocalQueue
from app.refunds.runtime import Runtime
from app.refunds.slices import run
from app.schedule.load import import_file

DAY = dt.date(2027, 1, 4)
SESSIONS = 60  # three chunks of an expansion
CLIENT = b'{"type":"client","id":"c","name":"Kim"}\n'
SESSION = (
    b'{"type":"session","id":"s%d","name":"Yoga",'
    b'"starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n'
)
BOOKING = (
    b'{"type":"booking","id":"b%d","session_id":"s%d","client_id":"c","status":"booked",'
    b'"payments":[{"method":"payment","payment_id":"p%d","amount_minor":100,"currency":"EUR"}]}\n'
)


class Unreliable(Database):
    """A database that is lost, for some named transactions, just before they would be committed."""

    losses: tuple[Step, ...] = ()

    @asynccontextmanager
    async def write(self, step=None):
        async with super().write(step) as conn:
            yield conn
            if step in self.losses:
                self.losses = tuple(lost for lost in self.losses if lost != step)
                raise ConnectionError("the database has gone")


class Witness:
    """An upstream that looks, at each call, at what another connection would see of the refund."""

    def __init__(self, db):
        self.db, self.saw = db, []

    async def refund(self, order):
        async with self.db.read() as conn:
            status = await conn.scalar(
                sa.select(refunds.c.status).where(refunds.c.id == order.refund_id)
            )
        self.saw.append((order.refund_id, status))
        return Succeeded(f"re_{order.refund_id}")

    async def aclose(self):
        pass


@pytest.fixture
async def job(database_url):
    """A runtime over an unreliable database, its witness, and an accepted job."""
    db = Unreliable(database_url)
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    lines = [
        CLIENT,
        *(SESSION % n for n in range(SESSIONS)),
        *(BOOKING % (n, n, n) for n in range(SESSIONS)),
    ]
    assert not (await import_file(db, "studio", lines)).errors
    witness = Witness(db)
    runtime = Runtime(
        db,
        LocalQueue(),
        {UpstreamMethod.PAYMENT: witness, UpstreamMethod.CREDIT: witness},
        Settings(concurrency=4),
    )
    named = {
        "business_id": "studio",
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    accepted = await accept.accept(db, runtime.queue, **named, request=Request(DAY, DAY, "all"))
    yield runtime, witness, accepted.job.id
    await db.close()


async def test_a_claim_whose_commit_is_lost_is_not_called_for(job):
    runtime, witness, job_id = job
    runtime.db.losses = (Step.CLAIM,)
    assert await run.run_slice(runtime, job_id, seconds=10) is None
    assert runtime.db.losses == ()
    assert {status for _, status in witness.saw} == {"submitted"}
    assert len(witness.saw) == len(set(witness.saw)) == SESSIONS


async def test_what_was_called_for_is_recorded_though_the_rest_of_the_expansion_is_lost(job):
    runtime, witness, job_id = job
    runtime.db.losses = (Step.EXPAND,)
    with pytest.raises(ConnectionError):
        await run.run_slice(runtime, job_id, seconds=10)
    async with runtime.db.read() as conn:
        status_of = dict(list(await conn.execute(sa.select(refunds.c.id, refunds.c.status))))
    assert witness.saw
    assert {status_of[refund_id] for refund_id, _ in witness.saw} == {"succeeded"}
    assert await run.run_slice(runtime, job_id, seconds=10) is None
    assert len(witness.saw) == len(set(witness.saw)) == SESSIONS
