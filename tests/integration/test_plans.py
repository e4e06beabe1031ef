"""Every statement of a day reaches what grows by an index, and every index earns its place.

The plans are those of what the databases were really asked, caught at the driver: it doesn't matter
who wrote it.
"""

import pytest
import sqlalchemy as sa
from integration.plans import city, day
from integration.plans.watched import watched

from app.config.settings import Settings
from app.db.tables import webhooks as webhook_tables

GROWING = {
    "api_keys",
    "bookings",
    "client_erasures",
    "clients",
    "former_contacts",
    "hook_events",
    "job_claims",
    "job_sessions",
    "jobs",
    "messages",
    "payment_lines",
    "refund_history",
    "refunds",
    "sessions",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
    "webhook_events",
}
# Those that are there for what they forbid need not be read by.
FOR_READING = {
    index.name
    for table in webhook_tables.metadata.sorted_tables
    for index in table.indexes
    if not index.unique
}


@pytest.fixture
async def a_day(db, database_url, upstream_sandbox, tmp_path):
    """Let a new business's day pass in a large city; gives what was read."""
    settings = Settings(
        database_url=database_url,
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        webhook_loopback=True,
        secrets_file=tmp_path / "secrets.key",
        outbox=tmp_path / "outbox",
    )
    await city.build(db)

    async def passes():
        async with watched(db) as seen:
            await day.pass_by(db, settings, upstream_sandbox)
        return seen

    return passes


async def test_every_statement_reaches_the_tables_that_grow_by_an_index(a_day):
    seen = await a_day()
    assert seen.whole(GROWING) == set()
    assert {one.table for one in seen.readings} >= GROWING
    # Of a business that nobody has counted yet a line is still looked up by its booking, or by its
    # payment where bookings may share it, not among all of them.
    looked_up_by = {one.by for one in seen.of("payment_lines")}
    assert {by for by in looked_up_by if "booking_id" not in by and "payment_id" not in by} == set()
    # Who may be told once some refunds have an end is read from these and their clients' others,
    # not from all that the job has.
    by_ids = ("json_each", "ANY (")
    rest = {
        one
        for one in seen.of("refunds")
        if "AS theirs" in one.statement and any(form in one.statement for form in by_ids)
    }
    assert rest
    assert {one.by for one in rest if "client_id" not in one.by and "(id" not in one.by} == set()


async def test_every_index_is_read_by_and_a_missing_one_is_noticed(a_day, db):
    missing = {"refunds_due", "jobs_due", "sessions_in_start_order"}
    async with db.write() as conn:
        for name in missing:
            await conn.execute(sa.text(f"DROP INDEX {name}"))
    seen = await a_day()
    unread = FOR_READING - seen.indexes()
    if not db.is_postgresql:
        # SQLite takes it or `refunds_of_job`, as the statistics of its young tables fall out.
        unread -= {"goodwill_of_job"}
    assert unread == missing
    # The others are then read by a longer way.
    assert {one.table for one in seen.whole(GROWING)} == {"jobs"}
