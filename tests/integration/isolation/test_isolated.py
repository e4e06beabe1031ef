"""PostgreSQL keeps businesses apart, whatever a statement has forgotten to say."""

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from worlds.any_row import any_row
from worlds.days import live_through
from worlds.isolated import isolated
from worlds.queue import Unheard
from worlds.studio import Studio, caller, open_business

from app.config.settings import Settings
from app.db.core.engine import Database
from app.db.core.isolation import OtherBusiness, of_business
from app.db.isolated import TABLES, isolation_of
from app.db.tables import metadata
from app.main import create_app
from app.refunds.runtime import Runtime, gateways
from app.refunds.verify import verify
from app.sandbox.app import create_sandbox
from app.serving import served


@pytest.fixture
def role_url(postgresql_url):
    with isolated(postgresql_url) as url:
        yield url


@pytest.fixture
async def whole(postgresql_url):
    """As the owner sees the database."""
    db = Database(postgresql_url)
    yield db
    await db.close()


@pytest.fixture
async def held(role_url):
    """As processes see it."""
    db = Database(role_url, isolated=True)
    yield db
    await db.close()


@pytest.fixture
async def two_studios(held, role_url, tmp_path):
    """Two businesses that have lived through the same day, and each of whose tables has rows."""
    settings = Settings(
        database_url=role_url,
        database_isolation=True,
        webhook_loopback=True,
        secrets_file=tmp_path / "secrets.key",
        webhook_timeout_seconds=5,
        upstream_timeout_seconds=20,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )
    queue = Unheard()
    async with (
        served(create_sandbox()) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as upstream,
    ):
        urls = {"payments_url": f"{address}/payments", "credits_url": f"{address}/credits"}
        runtime = Runtime(held, queue, gateways(settings, **urls), settings, jitter=lambda: 0.0)
        app = create_app(settings, database=held, queue=queue, runtime=runtime)
        studios = []
        for id_ in ("ours", "theirs"):
            key = await open_business(held, id_, "America/Toronto", "CAD")
            http = caller(app, key)
            studio = Studio(http, held, runtime, upstream, queue)
            studio.app, studio.key = app, key
            studios.append(studio)
            await studio.load(studio.record("client", "kim", name="Kim"))
            studio.job_id = await live_through(studio)
        yield studios
        for studio in studios:
            await studio.http.aclose()
        await runtime.aclose()


@pytest.fixture
async def full(two_studios, whole):
    """The same, and a row of each in the tables in which the day has left none."""
    for id_, studio in zip(("ours", "theirs"), two_studios, strict=True):
        await _fill_in(whole, id_, studio.job_id)


def whose(table):
    return table.c.id if table.name == "businesses" else table.c.business_id


async def _fill_in(whole, business_id, job_id):
    """A row in each table in which the day has left none."""
    async with whole.write() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for name in TABLES:
            table = metadata.tables[name]
            query = sa.select(sa.exists().where(whose(table) == business_id))
            if not await conn.scalar(query):
                row = any_row(table, business_id, job_id)
                await conn.execute(sa.insert(table).values(row))


async def businesses_seen(conn):
    """Whose rows each table shows to a statement that says nothing of businesses."""
    seen = {}
    for name in TABLES:
        query = sa.select(whose(metadata.tables[name])).distinct()
        seen[name] = set((await conn.execute(query)).scalars())
    return seen


async def test_a_statement_without_its_where_sees_rows_of_one_business(full, held, whole):
    everywhere = {name: {"ours", "theirs"} for name in TABLES}
    async with whole.read() as conn:
        assert await businesses_seen(conn) == everywhere
    async with held.read(across=True) as conn:
        assert await businesses_seen(conn) == everywhere
    for business_id in ("ours", "theirs"):
        with of_business(business_id):
            for block in (held.read, held.snapshot, held.export, held.write, held.autocommit):
                async with block() as conn:
                    seen = await businesses_seen(conn)
                assert seen == {name: {business_id} for name in TABLES}


async def test_without_a_business_nothing_is_seen(two_studios, held):
    async with held.read() as conn:
        assert set().union(*(await businesses_seen(conn)).values()) == set()


async def test_what_works_for_one_business_does_not_go_on_for_another(held):
    with of_business("ours"), pytest.raises(OtherBusiness), of_business("theirs"):
        pass


async def test_what_is_no_business_sees_nothing(two_studios, held):
    for id_ in ("ours'; RESET ROLE; --", "a b", "ours'", "ours\n", "\\'ours"):
        with of_business(id_):
            async with held.read() as conn:
                assert set().union(*(await businesses_seen(conn)).values()) == set()


# Of these the processes may not even add, change or remove their own.
NOT_CHANGED = {"refund_history", "administration", "evidence_links", "evidence_heads"}


async def test_rows_of_another_business_are_neither_written_nor_changed_nor_removed(
    full, held, whole
):
    for name in TABLES:
        table = metadata.tables[name]
        async with whole.read() as conn:
            theirs = sa.select(table).where(whose(table) == "theirs").limit(1)
            row = (await conn.execute(theirs)).mappings().first()
        assert row is not None, name
        with of_business("ours"):
            assert await refused(held, sa.insert(table).values(dict(row))), name
            for change in (sa.delete(table), sa.update(table).values({whose(table).name: "x"})):
                of_theirs = change.where(whose(table) == "theirs")
                assert await refused(held, of_theirs) is (name in NOT_CHANGED), name
                if name not in NOT_CHANGED:
                    assert await count_changed(held, of_theirs) == 0
    async with whole.read() as conn:
        assert (await businesses_seen(conn))["refunds"] == {"ours", "theirs"}


async def refused(db, statement, **how):
    """Whether PostgreSQL says that there is no right to it."""
    try:
        async with db.write(**how) as conn:
            await conn.execute(statement)
    except DBAPIError as error:
        if error.orig.sqlstate != "42501":
            raise
        return True
    return False


async def count_changed(db, statement):
    async with db.write() as conn:
        return (await conn.execute(statement)).rowcount


ADDS_A_CHOICE = """
INSERT INTO choices (job_id, client_id, form, chosen_at) SELECT id, 'x', 'original', now() FROM jobs
"""


async def test_across_businesses_all_is_read_and_next_to_nothing_is_written(two_studios, held):
    with of_business("ours"):
        async with held.read(across=True) as conn:
            assert (await businesses_seen(conn))["refunds"] == {"ours", "theirs"}
    for statement in (
        "UPDATE refunds SET amount_minor = 1",
        "UPDATE jobs SET status = 'completed'",
        "UPDATE businesses SET name = 'x'",
        "UPDATE api_keys SET scopes = ''",
        "DELETE FROM clients",
        ADDS_A_CHOICE,
    ):
        assert await refused(held, sa.text(statement), across=True), statement


async def test_the_books_of_all_businesses_are_checked(two_studios, held):
    assert await verify(held) == []


SWITCHES_OFF = (
    "ALTER TABLE refund_history DISABLE TRIGGER USER",
    "ALTER TABLE refund_history DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE refund_history NO FORCE ROW LEVEL SECURITY",
    "DROP TRIGGER refund_history_is_append_only ON refund_history",
    "DROP POLICY own_business ON refunds",
    "CREATE POLICY mine ON refunds USING (true)",
    "SET session_replication_role = replica",
    "TRUNCATE refund_history",
    "DELETE FROM refund_history",
    "UPDATE refund_history SET status = 'succeeded'",
    "UPDATE administration SET actor = 'nobody'",
    "DELETE FROM administration",
    "DELETE FROM evidence_heads",
    "DROP TRIGGER evidence_links_is_append_only ON evidence_links",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS ''",
    "UPDATE alembic_version SET version_num = '0001'",
)


async def test_the_role_of_the_processes_can_switch_nothing_off(two_studios, held):
    with of_business("ours"):
        for statement in SWITCHES_OFF:
            for how in ({}, {"across": True}):
                assert await refused(held, sa.text(statement), **how), statement


async def test_a_role_is_seen_to_be_held(held, whole):
    looked = await isolation_of(held)
    assert looked.is_whole
    assert not looked.owns
    assert sorted(looked.held) == sorted(TABLES)
    owners = await isolation_of(whole)
    assert owners.held == []
    assert owners.owns
