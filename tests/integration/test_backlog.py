"""What is due for a worker, as `/metrics` tells it: how much, and how late the latest is."""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa
from integration.rows import JOB, NEW_REFUND, OTHER_REFUND, SETTLED, insert

from app.db import tables
from app.db.core.dialect import clock
from app.db.core.due_keys import MAX_COUNTED, Backlog
from app.db.tables import messages as messages_tables
from app.db.tables import webhooks as webhooks_tables
from app.domain.events import EventType
from app.operators.service_state import service_state

ENDPOINTS = [str(uuid.UUID(int=number)) for number in (1, 2)]


@pytest.fixture
async def at(db):
    """The database's clock, with a job of one refund that is not due yet."""
    async with db.read() as conn:
        now = await clock(conn)
    for table in ("businesses", "clients", "jobs", "sessions", "bookings", "payment_lines"):
        await insert(db, table)
    await insert(db, "job_sessions")
    await insert(db, "refunds", due_at=now + dt.timedelta(hours=1))
    return now


async def write(db, table, *rows):
    async with db.write() as conn:
        await conn.execute(sa.insert(table), list(rows))


async def deliveries(db, endpoint_id, *due_at):
    """One of an event each to this endpoint, which is made."""
    await write(
        db,
        webhooks_tables.webhook_endpoints,
        {"id": endpoint_id, "business_id": "ours", "url": "https://x.example", "status": "enabled"},
    )
    events = [str(uuid.uuid4()) for _ in due_at]
    of_event = {"business_id": "ours", "type": EventType.ENDPOINT_DISABLED, "payload": "{}"}
    await write(
        db,
        webhooks_tables.webhook_events,
        *({"id": event, "occurred_at": due_at[0]} | of_event for event in events),
    )
    await write(
        db,
        webhooks_tables.webhook_deliveries,
        *(
            {"endpoint_id": endpoint_id, "event_id": event, "status": "pending", "due_at": when}
            for event, when in zip(events, due_at, strict=True)
        ),
    )


async def messages(db, *due_at):
    of_client = {"business_id": "ours", "job_id": JOB, "kind": "client", "status": "pending"}
    await write(
        db,
        messages_tables.messages,
        *(
            {"id": str(uuid.uuid4()), "addressee": f"c{number}", "edition": 1, "due_at": when}
            | of_client
            for number, when in enumerate(due_at)
        ),
    )


def late(backlog, seconds):
    """Whether it is as late as that, and the time that the test took."""
    return seconds <= backlog.overdue_seconds < seconds + 60


async def test_with_nothing_due_nothing_is_late(db, at):
    state = await service_state(db)
    assert state.refunds == {"payment": Backlog(), "credit": Backlog()}
    assert state.deliveries == state.messages == Backlog()


async def test_refunds_that_are_due_are_counted_by_upstream(db, at):
    await insert(db, "refunds", **NEW_REFUND | {"due_at": at - dt.timedelta(seconds=300)})
    state = await service_state(db)
    assert (state.refunds["payment"].due, state.refunds["credit"].due) == (1, 0)
    assert late(state.refunds["payment"], 300)


async def test_a_refund_of_a_job_that_rests_waits_for_nobody(db, at):
    await insert(db, "refunds", **NEW_REFUND | {"due_at": at - dt.timedelta(seconds=300)})
    async with db.write() as conn:
        await conn.execute(
            sa.update(tables.refunds)
            .values(**SETTLED, status="rejected")
            .where(tables.refunds.c.id == OTHER_REFUND)
        )
    assert (await service_state(db)).refunds["payment"] == Backlog()


async def test_deliveries_that_are_due_are_counted_over_all_endpoints(db, at):
    earlier, later = at - dt.timedelta(seconds=900), at + dt.timedelta(hours=1)
    await deliveries(db, ENDPOINTS[0], at, later, later)
    await deliveries(db, ENDPOINTS[1], earlier, later)
    found = (await service_state(db)).deliveries
    assert found.due == 2
    assert late(found, 900)


async def test_what_is_due_later_is_not_late(db, at):
    await deliveries(db, ENDPOINTS[0], at + dt.timedelta(hours=1))
    await messages(db, at + dt.timedelta(hours=1))
    state = await service_state(db)
    assert state.deliveries == state.messages == Backlog()


async def test_messages_that_are_due_are_counted(db, at):
    await messages(db, at - dt.timedelta(seconds=120), at - dt.timedelta(seconds=60))
    found = (await service_state(db)).messages
    assert found.due == 2
    assert late(found, 120)


async def test_a_long_backlog_is_counted_no_further_than_needed(db, at):
    await deliveries(db, ENDPOINTS[0], *[at - dt.timedelta(seconds=600)] * (MAX_COUNTED + 1))
    await deliveries(db, ENDPOINTS[1], at)
    found = (await service_state(db)).deliveries
    assert found.due == MAX_COUNTED + 1
    assert late(found, 600)
