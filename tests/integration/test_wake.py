"""A worker is prompted only for what it can see: no wake comes before the commit it speaks of."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.cancellation import accept, amend
from app.cancellation.expand import expand_chunk
from app.cancellation.request import Request
from app.db.access import businesses
from app.db.core.dialect import now
from app.db.jobs.jobs import lock_any
from app.db.tables import jobs, refunds
from app.domain.nouns.administration import COMMAND
from app.schedule.load import import_file

WEEK = [
    b'{"type":"client","id":"c","name":"Kim"}',
    b'{"type":"session","id":"s","name":"Yoga","starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}',
    (
        b'{"type":"booking","id":"b","session_id":"s","client_id":"c","status":"booked",'
        b'"payments":[{"method":"credit","account_id":"a","credits":1}]}'
    ),
]
DAY = dt.date(2027, 1, 4)


class Witness:
    """A queue that looks, at each wake, at what a worker on another connection would see."""

    def __init__(self, db, query):
        self.db, self.query, self.saw = db, query, []

    async def wake(self, job_id, *, after_seconds=0.0, once=None, extra_slice=False):
        async with self.db.read() as conn:
            self.saw.append(list((await conn.execute(self.query)).scalars()))
        return True

    async def aclose(self):
        pass


@pytest.fixture
async def studio(db):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    assert not (await import_file(db, "studio", [line + b"\n" for line in WEEK])).errors


async def accepted(db, queue):
    named = {
        "business_id": "studio",
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    return (await accept.accept(db, queue, **named, request=Request(DAY, DAY, "all"))).job


async def test_a_worker_that_is_woken_for_a_new_job_finds_it(db, studio):
    witness = Witness(db, sa.select(jobs.c.status))
    await accepted(db, witness)
    assert witness.saw == [["queued"]]


async def test_a_worker_that_is_woken_for_a_retry_finds_what_to_retry(db, studio):
    witness = Witness(db, sa.select(refunds.c.status))
    job = await accepted(db, witness)
    refused = {"status": "rejected", "due_at": None, "outcome_seq": 1, "settled_at": now()}
    async with db.write() as conn:
        await expand_chunk(conn, await lock_any(conn, job.id), at_most=10)
        await conn.execute(sa.update(refunds).values(refused))
    await amend.retry(db, witness, "studio", job.id, actor=COMMAND)
    assert witness.saw[-1] == ["pending"]
