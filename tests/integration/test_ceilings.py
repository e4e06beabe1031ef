"""No more may be claimed of a payment than was paid: the schema refuses it.

Rows of before have their claims.
"""

import asyncio

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import schema, tables
from app.db.core.engine import Database
from app.refunds.verify import verify

JOB = "019aab00-0000-7000-8000-000000000001"
OF_BEFORE = """
INSERT INTO businesses (id, name, timezone, currency, created_at) \
VALUES ('ours', 'Ours', 'UTC', 'EUR', {at});
INSERT INTO clients (business_id, id, name) VALUES ('ours', 'c1', 'Kim');
INSERT INTO jobs (id, business_id, idempotency_key, request_fingerprint, status, date_from, \
date_to, include_attended,
  requested_by, requested_at, finished_at, accepted_sessions, expanded_sessions, totals, \
outcome_seq)
VALUES ('{job}', 'ours', 'k1', 'f', 'completed', '2026-11-23', '2026-11-23', false,
  'key', {at}, {at}, 1, 1, '{{}}', 9);
INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, status, job_id, \
cancelled_at)
VALUES ('ours', 's1', 'Yoga', {at}, '2026-11-23T10:00:00.000Z', 'UTC', 'cancelled', '{job}', {at});
INSERT INTO job_sessions (job_id, session_id, business_id, seq, position, outcome, \
session_name, session_starts_at,
  session_timezone)
VALUES ('{job}', 's1', 'ours', 1, 0, 'accepted', 'Yoga', {at}, 'UTC')
"""
REFUND = (
    "INSERT INTO refunds (id, business_id, job_id, session_id, booking_id, client_id, line_no, "
    "method, payment_id, amount_minor, currency, account_id, credits, status, failure_code, "
    "outcome_seq, settled_at, epoch, attempts, key_generation) "
    "VALUES ('019aab00-0000-7000-8000-0000000000{number:02}', 'ours', '{job}', 's1', '{booking}', "
    "'c1', 1, {means}, '{status}', {code}, {number}, {at}, 0, 0, 0)"
)
MONEY = "'payment', '{payment}', {amount}, 'EUR', NULL, NULL"
CREDIT = "'credit', NULL, NULL, NULL, 'a', 2"
REFUNDS = (
    ("b1", MONEY.format(payment="p", amount=3000), "succeeded", "NULL"),
    ("b2", MONEY.format(payment="p", amount=2000), "rejected", "'payment_disputed'"),
    ("b3", MONEY.format(payment="q", amount=700), "skipped", "'already_refunded_elsewhere'"),
    ("b4", MONEY.format(payment="w", amount=900), "skipped", "'withdrawn'"),
    ("b5", CREDIT, "succeeded", "NULL"),
    ("b6", CREDIT, "succeeded", "NULL"),
)
AT = "'2026-11-23T09:00:00.000Z'"


def revise(url, step, version):
    config = schema._config()
    config.attributes["database_url"] = url
    step(config, version)


async def of_before(url):
    """Rows as the version before had them."""
    engine = create_async_engine(url, poolclass=sa.NullPool)
    async with engine.begin() as conn:
        for statement in OF_BEFORE.format(at=AT, job=JOB).split(";"):
            await conn.exec_driver_sql(statement)
        for number, (booking, means, status, code) in enumerate(REFUNDS, start=1):
            values = {
                "number": number,
                "booking": booking,
                "means": means,
                "status": status,
                "code": code,
            }
            await conn.exec_driver_sql(REFUND.format(**values, at=AT, job=JOB))
    await engine.dispose()


async def ceilings_in(url):
    db = Database(url)
    async with db.read() as conn:
        rows = (await conn.execute(sa.select(tables.ceilings))).all()
    found = [one for one in await verify(db) if one.code == "paid"]
    await db.close()
    assert found == []
    return {row[:5]: row[5:] for row in rows}


def test_what_was_claimed_before_there_were_ceilings_is_claimed(database_url):
    revise(database_url, command.downgrade, "0014")
    asyncio.run(of_before(database_url))
    revise(database_url, command.upgrade, "head")
    assert asyncio.run(ceilings_in(database_url)) == {
        ("ours", "payment", "p", "", "EUR"): (5000, 5000),
        ("ours", "payment", "q", "", "EUR"): (700, 700),
        ("ours", "credit", "a", "b5", ""): (2, 2),
        ("ours", "credit", "a", "b6", ""): (2, 2),
    }


MINE = {
    "business_id": "ours",
    "method": "payment",
    "subject_id": "p",
    "booking_id": "",
    "currency": "EUR",
}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"paid": 100, "claimed": 101}, "never_more_than_was_paid"),
        ({"paid": 100, "claimed": -1}, "never_more_than_was_paid"),
        ({"paid": 1, "claimed": 0, "booking_id": "b1"}, "of_one_means"),
        ({"paid": 1, "claimed": 0, "method": "credit"}, "of_one_means"),
    ],
)
async def test_the_schema_refuses_to_claim_more_than_was_paid(db, changes, rule):
    with pytest.raises(IntegrityError, match=rule):
        async with db.write() as conn:
            await conn.execute(sa.insert(tables.ceilings).values(MINE | changes))
