"""What the tests stand on: a used PostgreSQL database comes back as the migrations leave one."""

import asyncpg
import pytest
import sqlalchemy as sa

TABLES = (
    "SELECT relname, relpages, reltuples, relallvisible, pg_relation_size(oid) "
    "FROM pg_class WHERE relkind = 'r'"
)
INDEXES = (
    "SELECT relname, relpages, reltuples, pg_relation_size(oid) > 16384 "
    "FROM pg_class WHERE relkind = 'i'"
)
OURS = "AND relnamespace = 'public'::regnamespace ORDER BY 1"
MADE = "SELECT oid FROM pg_database WHERE datname = $1"
FILL = """
INSERT INTO businesses (id, name, timezone, currency, created_at)
  SELECT 'b' || number, 'Studio', 'UTC', 'CAD', now() FROM generate_series(1, $1) number
"""


@pytest.fixture
def databases(postgresql_url, request):
    return request.getfixturevalue("_postgresql_databases")


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )


async def state(url: str) -> list:
    conn = await connect(url)
    tables, indexes = await conn.fetch(f"{TABLES} {OURS}"), await conn.fetch(f"{INDEXES} {OURS}")
    rows = [await conn.fetch(f'SELECT * FROM "{name}"') for name, *_ in tables]
    statistics = await conn.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'")
    await conn.close()
    return [tables, indexes, rows, statistics]


@pytest.mark.parametrize("rows", [0, 1, 40, 4_000])
async def test_a_database_that_comes_back_is_as_new_and_of_nobody(databases, rows):
    lent = databases.lend()
    new = await state(lent)
    conn = await connect(lent)
    await conn.execute(FILL, rows)
    await conn.execute("UPDATE checks SET checked_at = now()")
    await conn.execute("ANALYZE")
    databases.take_back(lent)  # though somebody is still connected
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await conn.execute("SELECT 1")
    conn.terminate()
    assert databases.lend() == lent
    assert await state(lent) == new
    databases.take_back(lent)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX another ON businesses (name)",
        "ALTER TABLE businesses ADD note text",
        "ALTER TABLE businesses ALTER name SET DEFAULT 'Studio'",
        "ALTER TABLE businesses ADD CHECK (name <> '')",
        "ALTER TABLE refund_history DISABLE TRIGGER USER",
        "ALTER TABLE businesses SET (fillfactor = 50)",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1",
        "ALTER DATABASE {name} SET lock_timeout = 1",
    ],
)
async def test_a_database_whose_schema_was_changed_is_dropped(databases, change):
    lent = databases.lend()
    name = sa.make_url(lent).database
    new = await state(lent)
    conn = await connect(lent)
    made_at = await conn.fetchval(MADE, name)
    await conn.execute(change.format(name=name))
    await conn.close()
    databases.take_back(lent)
    lent = databases.lend()
    assert await state(lent) == new
    conn = await connect(lent)
    assert await conn.fetchval(MADE, sa.make_url(lent).database) != made_at
    await conn.close()
    databases.take_back(lent)
