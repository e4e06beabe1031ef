"""Every row of a business names it, whoever wrote it: nothing is joined to know whose it is."""

import pytest
import sqlalchemy as sa
from integration.rows import ROWS, insert
from sqlalchemy.exc import DBAPIError
from worlds.days import live_through

from app.db.core.engine import Database
from app.db.tables import metadata

BESIDE_PARENTS = (
    "old_key_secrets",
    "job_overrides",
    "job_goodwill",
    "choices",
    "job_claims",
    "refund_history",
    "webhook_secrets",
    "webhook_deliveries",
    "webhook_attempts",
)


async def whose(db, table):
    async with db.read() as conn:
        query = sa.select(metadata.tables[table].c.business_id).distinct()
        return set((await conn.execute(query)).scalars())


async def test_whatever_writes_a_row_names_its_business(studio, db):
    if db.is_postgresql:  # else it would fill in what a writer has left out
        async with db.write() as conn:
            for table in BESIDE_PARENTS:
                trigger = f"{table}_names_its_business"
                await conn.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    await live_through(studio)
    found = {table: await whose(db, table) for table in BESIDE_PARENTS}
    assert found == {table: {"studio"} for table in BESIDE_PARENTS}


def test_no_other_table_is_without_a_business_but_those_that_have_none():
    without = {table.name for table in metadata.sorted_tables if "business_id" not in table.c}
    assert without == {
        "businesses",  # its `id` is one
        "platform_keys",
        "call_budgets",
        "call_rates",
        "hook_events",
        "checks",
        "schema_needs",
    }


@pytest.fixture
async def older(postgresql_url):
    """A database to which a build of before writes: it names no business beside a parent."""
    db = Database(postgresql_url)
    for name in ROWS:
        await insert(db, name)
    yield db
    await db.close()


async def test_postgresql_fills_in_the_business_that_an_older_build_leaves_out(older):
    tables = [table for table in BESIDE_PARENTS if table in ROWS]
    assert tables == ["job_goodwill", "refund_history"]
    assert [await whose(older, table) for table in tables] == [{"ours"}, {"ours"}]


async def test_a_row_of_the_history_takes_its_business_once(older):
    history = metadata.tables["refund_history"]
    told = sa.update(history).values(business_id="ours")
    async with older.write() as conn:
        await conn.execute(sa.text("ALTER TABLE refund_history DISABLE TRIGGER USER"))
        before = {"business_id": None, "failure_detail": "In cash."}
        await conn.execute(sa.update(history).values(before))
        await conn.execute(sa.text("ALTER TABLE refund_history ENABLE TRIGGER USER"))
    with pytest.raises(DBAPIError, match="append-only"):
        async with older.write() as conn:
            await conn.execute(told.values(attempts=9))
    async with older.write() as conn:
        await conn.execute(told)
    for again in ({"business_id": "theirs"}, {"business_id": None, "failure_detail": None}):
        with pytest.raises(DBAPIError, match="append-only"):
            async with older.write() as conn:
                await conn.execute(told.values(again))
    assert await whose(older, "refund_history") == {"ours"}
