"""The fence: what an earlier claim hears is written only if it is that money moved (rule 5)."""

import datetime as dt

import pytest
import sqlalchemy as sa

from app.cancellation import accept
from app.cancellation.expand import expand_chunk
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db import tables as t
from app.db.jobs import jobs
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.nouns.administration import COMMAND
from app.domain.refund_update import RefundUpdate
from app.queue import LocalQueue
from app.refunds.runtime import Runtime
from app.refunds.settle import settle_job

DAY = dt.date(2026, 12, 1)


@pytest.fixture
async def job_id(db):
    """A job with one refund to send."""
    at = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)
    mine = {"business_id": "studio"}
    line = {
        "booking_id": "b",
        "line_no": 1,
        "method": "payment",
        "payment_id": "p",
        "amount_minor": 1,
        "currency": "CAD",
    }
    rows = (
        (t.businesses, {"id": "studio", "name": "Studio", "timezone": "UTC", "currency": "CAD"}),
        (t.clients, mine | {"id": "c", "name": "Kim"}),
        (
            t.sessions,
            mine
            | {
                "id": "s",
                "name": "Yoga",
                "starts_at": at,
                "ends_at": at + dt.timedelta(hours=1),
                "timezone": "UTC",
            },
        ),
        (t.bookings, mine | {"id": "b", "session_id": "s", "client_id": "c", "status": "booked"}),
        (t.payment_lines, mine | line),
    )
    async with db.write() as conn:
        for table, row in rows:
            await conn.execute(sa.insert(table).values(row))
    named = {
        "business_id": "studio",
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    accepted = await accept.accept(db, LocalQueue(), **named, request=Request(DAY, DAY, "all"))
    async with db.write() as conn:
        await expand_chunk(conn, await jobs.lock_any(conn, accepted.job.id), at_most=10)
    return accepted.job.id


async def claim(db, job_id, *, lease_seconds):
    async with db.write() as conn:
        [one] = await claims.claim(conn, job_id, "payment", most=5, lease_seconds=lease_seconds)
    return one


async def record(db, job_id, claimed, status, **said):
    rests = status in {"succeeded", "rejected"}
    update = RefundUpdate(
        status,
        None if rests else 5.0,
        definitive=status == "succeeded",
        upstream_reference=said.get("reference"),
        failure_code=said.get("code"),
    )
    outcome = Recorded(claimed.id, claimed.epoch, update)
    async with db.write() as conn:
        return await outcomes.record(conn, job_id, [outcome], actor="worker", heartbeat_seconds=30)


async def state(db):
    async with db.read() as conn:
        row = (await conn.execute(sa.select(t.refunds))).mappings().one()
    return row["status"], row["epoch"], row["upstream_reference"]


async def job_status(db):
    async with db.read() as conn:
        return await conn.scalar(sa.select(t.jobs.c.status))


async def test_a_claim_whose_lease_ran_out_is_looked_up_and_its_late_words_change_nothing(
    db, job_id
):
    early = await claim(db, job_id, lease_seconds=-1)
    late = await claim(db, job_id, lease_seconds=30)
    assert (early.status, late.status) == ("submitted", "indeterminate")
    assert late.epoch == early.epoch + 1
    for status in ("pending", "indeterminate", "rejected", "processing"):
        assert await record(db, job_id, early, status, code="late") == []
    assert await state(db) == ("indeterminate", late.epoch, None)


async def test_that_money_moved_is_recorded_whoever_heard_it_and_a_second_time_changes_nothing(
    db, job_id
):
    early = await claim(db, job_id, lease_seconds=-1)
    late = await claim(db, job_id, lease_seconds=30)
    assert await record(db, job_id, early, "succeeded", reference="re_1") == [early.id]
    assert await record(db, job_id, late, "succeeded", reference="re_2") == []
    assert await record(db, job_id, late, "rejected", code="no") == []
    assert await state(db) == ("succeeded", late.epoch, "re_1")


async def test_a_success_that_was_heard_before_that_very_refund_failed_is_none(db, job_id):
    early = await claim(db, job_id, lease_seconds=-1)
    late = await claim(db, job_id, lease_seconds=30)
    assert await record(db, job_id, late, "rejected", reference="re_1", code="bank") == [late.id]
    assert await record(db, job_id, early, "succeeded", reference="re_1") == []
    assert await state(db) == ("rejected", late.epoch, "re_1")


async def test_success_that_is_heard_late_completes_a_job_that_had_ended_with_failures(db, job_id):
    early = await claim(db, job_id, lease_seconds=-1)
    late = await claim(db, job_id, lease_seconds=30)
    assert await record(db, job_id, late, "rejected", code="no") == [late.id]
    runtime = Runtime(db, LocalQueue(), {}, Settings())
    assert await settle_job(runtime, job_id) is None
    assert await job_status(db) == "completed_with_failures"
    assert await record(db, job_id, early, "succeeded", reference="re_1") == [early.id]
    assert await job_status(db) == "completed"
