"""Hooks as upstreams send them, and what is known of the refund that they are about."""

import base64
import datetime as dt
import itertools
import json

import sqlalchemy as sa
from standardwebhooks import Webhook

from app.db import tables
from app.refunds.slices.run import run_slice

OLD, NEW, WRONG = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2, 3))
LEASE_SECONDS = 30
ids = (f"msg_{n}" for n in itertools.count())


async def run(studio, job):
    return await run_slice(studio.runtime, job["id"], seconds=5)


async def due_in(studio, seconds):
    """Have what is looked up by itself be so then: a loaded machine may be at it any time later."""
    due_at = (await clock(studio)) + dt.timedelta(seconds=seconds)
    async with studio.db.write() as conn:
        for table in (tables.refunds, tables.jobs):
            waits = table.c.due_at.is_not(None)
            await conn.execute(sa.update(table).where(waits).values(due_at=due_at))


async def refund_of(studio, job, method="payment"):
    [one] = [one for one in await studio.refunds(job["id"]) if one["method"] == method]
    return one


async def row_of(studio, refund_id):
    async with studio.db.read() as conn:
        query = sa.select(tables.refunds).where(tables.refunds.c.id == refund_id)
        return (await conn.execute(query)).mappings().one()


async def look_ups(studio, service="payments"):
    books = (await studio.upstream.get("/books")).json()
    return books[service]["requests"].get("look_ups", 0)


async def clock(studio):
    async with studio.db.read() as conn:
        return (await conn.execute(sa.select(tables.now()))).scalar_one()


def signed(body, *, event_id=None, secret=NEW, late_seconds=0.0):
    """The headers of a hook that was sent so many seconds ago."""
    event_id = event_id or next(ids)
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=late_seconds)
    text = body.decode() if isinstance(body, bytes) else body
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, text),
    }


def about(reference, **said):
    data = {"id": "rf_1", "status": "succeeded", "reference": reference} | said
    return json.dumps(
        {"type": "refund.updated", "timestamp": "2026-11-23T06:00:00.000Z", "data": data}
    )


async def post(studio, body, headers, service="payments"):
    """As an upstream does: without a key."""
    return await studio.http.post(
        f"/v1/hooks/{service}", content=body, headers=headers | {"authorization": ""}
    )


async def hook(studio, reference, service="payments", *, event_id=None, secret=NEW, **said):
    body = about(reference, **said)
    answer = await post(studio, body, signed(body, event_id=event_id, secret=secret), service)
    assert (answer.status_code, answer.content) == (204, b""), answer.text
