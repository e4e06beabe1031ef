"""Secrets of the version before are brought along.

Each stays what it was, and lives to the end that it had.
"""

import asyncio
import datetime as dt
from pathlib import Path

import sqlalchemy as sa
from alembic import command

import migrations
from app.db import schema
from app.db.core.engine import Database
from app.db.tables.webhooks import webhook_deliveries, webhook_secrets
from app.domain.days import instant_text

(OURS,) = Path(migrations.__path__[0]).glob("versions/*_secrets_to_their_own_ends.py")
AT = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
ENDS = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
CHANGED, UNCHANGED = "019aab00-0000-7000-8000-000000000001", "019aab00-0000-7000-8000-000000000002"
EVENT = "019aab00-0000-7000-8000-000000000003"

BUSINESS = (
    "INSERT INTO businesses (id, name, timezone, currency, created_at) "
    "VALUES (:id, 'B', 'UTC', 'EUR', :at)"
)
ENDPOINT = """INSERT INTO webhook_endpoints
(id, business_id, url, secret, previous_secret, previous_secret_until, status, created_at)
VALUES (:id, 'b', 'https://e.example/', :now, :old, :ends, 'enabled', :at)"""
EVENT_TOLD = """INSERT INTO webhook_events (id, business_id, type, occurred_at, payload)
VALUES (:id, 'b', 'webhook_endpoint.test', :at, '{}')"""
DELIVERY = """INSERT INTO webhook_deliveries (endpoint_id, event_id, status, due_at, epoch, tries)
VALUES (:endpoint, :event, 'pending', :at, 0, 0)"""
ROWS = {
    BUSINESS: [{"id": "b"}],
    ENDPOINT: [
        {"id": CHANGED, "now": "seal 2", "old": "seal 1"},
        {"id": UNCHANGED, "now": "seal 3", "old": None, "ends": None},
    ],
    EVENT_TOLD: [{"id": EVENT}],
    DELIVERY: [{"endpoint": CHANGED, "event": EVENT}],
}


async def before(url):
    db = Database(url)
    at, ends = (AT, ENDS) if db.is_postgresql else (instant_text(AT), instant_text(ENDS))
    async with db.write() as conn:
        for statement, rows in ROWS.items():
            for row in rows:
                await conn.execute(
                    sa.text(statement),
                    {"at": at} | row | ({"ends": ends} if row.get("old") else {}),
                )
    await db.close()


async def after(url):
    db = Database(url)
    async with db.read() as conn:
        query = sa.select(
            webhook_secrets.c.endpoint_id, webhook_secrets.c.secret, webhook_secrets.c.ends_at
        )
        secrets = [tuple(row) for row in await conn.execute(query.order_by(webhook_secrets.c.id))]
        deliveries = await conn.scalar(sa.select(sa.func.count()).select_from(webhook_deliveries))
    await db.close()
    return secrets, deliveries


def revise(url, step, to):
    config = schema._config()
    config.attributes["database_url"] = url
    step(config, to)


def test_secrets_of_the_version_before_live_to_their_ends(database_url):
    revise(database_url, command.downgrade, f"{int(OURS.name[:4]) - 1:04}")
    asyncio.run(before(database_url))
    revise(database_url, command.upgrade, "head")
    secrets, deliveries = asyncio.run(after(database_url))
    assert secrets == [
        (CHANGED, "seal 1", ENDS),
        (CHANGED, "seal 2", None),
        (UNCHANGED, "seal 3", None),
    ]
    assert deliveries == 1
