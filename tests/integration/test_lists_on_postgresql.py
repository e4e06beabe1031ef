"""On a PostgreSQL never analysed, a long list of sessions is counted without comparing all."""

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from app.cancellation.owed import lines
from app.db import tables as t
from app.db.core.engine import Database
from app.db.jobs import entitlement_totals

SESSIONS, BOOKINGS_EACH = 2_000, 5
SEED = (
    "ALTER TABLE sessions SET (autovacuum_enabled = false)",
    "ALTER TABLE bookings SET (autovacuum_enabled = false)",
    "ALTER TABLE payment_lines SET (autovacuum_enabled = false)",
    f"""
    INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, status)
    SELECT 'b', 's' || n, 'Yoga', now(), now() + interval '1 hour', 'UTC', 'scheduled'
    FROM generate_series(1, {SESSIONS}) AS n
    """,
    f"""
    INSERT INTO bookings (business_id, id, session_id, client_id, status)
    SELECT 'b', 's' || n || '-' || m, 's' || n, 'c', 'booked'
    FROM generate_series(1, {SESSIONS}) AS n, generate_series(1, {BOOKINGS_EACH}) AS m
    """,
    """
    INSERT INTO payment_lines (business_id, booking_id, line_no, method, payment_id, \
amount_minor, currency)
    SELECT business_id, id, 1, 'payment', id, 100, 'CAD' FROM bookings
    """,
)  # fmt: skip


def steps_of(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_of(part)


@pytest.mark.parametrize("include_attended", [False, True])
async def test_no_step_of_the_count_compares_every_session_with_every_booking(
    postgresql_url, include_attended
):
    db = Database(postgresql_url)
    async with db.write() as conn:
        await conn.execute(
            sa.insert(t.businesses).values(id="b", name="B", timezone="UTC", currency="CAD")
        )
        await conn.execute(sa.insert(t.clients).values(business_id="b", id="c"))
        for statement in SEED:
            await conn.execute(sa.text(statement))
    statement = entitlement_totals._over_all(
        lines.lines_of_many_sessions(lines.PolicyShape(include_attended=include_attended)).all,
        by_rule=False,
    )
    async with db.read() as conn:
        at = await conn.scalar(sa.select(sa.func.now()))
        given = lines.chosen_many("b", [f"s{n}" for n in range(1, SESSIONS + 1)], as_of=at)
        compiled = statement.params(given).compile(
            dialect=dialect.dialect(), compile_kwargs={"literal_binds": True}
        )
        explained = await conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}")
        [[plan]] = [json.loads(one) if isinstance(one, str) else one for one in explained.scalars()]
    await db.close()
    steps = list(steps_of(plan["Plan"]))
    touched = max(
        (step["Actual Rows"] + step.get("Rows Removed by Join Filter", 0)) * step["Actual Loops"]
        for step in steps
    )
    assert touched <= 10 * SESSIONS * BOOKINGS_EACH
