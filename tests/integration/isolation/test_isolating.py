"""Isolating a database: who may be held, what goes on meanwhile, and what comes after."""

import asyncio

import pytest
import sqlalchemy as sa
from integration.rows import ROWS, insert
from postgresql_databases import administer, in_a_thread
from sqlalchemy.exc import DBAPIError
from worlds import pgbouncer
from worlds.isolated import isolated, isolated_for, role_of

from app.db import isolate, schema
from app.db.core.isolation import ACROSS, of_business
from app.db.core.statistics import count_job_sessions, count_schedule
from app.db.isolate import WrongRole
from app.db.isolated import TABLES, isolation_of
from app.db.tables import businesses, clients, jobs, refund_history
from app.operators.readiness import DatabaseState, database_state


def owned_by(url, *may):
    """A schema whose owner is no superuser; gives the address that the owner comes by."""
    name = sa.make_url(url).database
    with role_of(url, *may) as owner_url:
        owner = sa.make_url(owner_url).username
        in_a_thread(administer(url, f'ALTER DATABASE "{name}" OWNER TO {owner}'))
        schema.migrate(owner_url)
        yield owner_url
        in_a_thread(administer(url, f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER'))


@pytest.fixture
def owner_url(empty_postgresql_url):
    yield from owned_by(empty_postgresql_url, "CREATEROLE")


@pytest.fixture
def plain_owner_url(empty_postgresql_url):
    yield from owned_by(empty_postgresql_url)


async def filled(db):
    for name in ROWS:
        await insert(db, name)


async def names(db):
    async with db.read() as conn:
        return list((await conn.execute(sa.select(businesses.c.id))).scalars())


async def test_who_goes_on_with_the_owners_role_notices_nothing(owner_url, opened):
    before = opened(owner_url)
    await filled(before)
    with isolated(owner_url) as role_url:
        assert await names(before) == ["ours"]
        await insert(before, "businesses", id="theirs")
        async with before.write() as conn:
            assert (await conn.execute(sa.update(jobs).values(reason="Snow."))).rowcount == 1
        after = opened(role_url, isolated=True)
        with of_business("theirs"):
            assert await names(after) == ["theirs"]
        assert await database_state(before) is DatabaseState.OK
        assert await database_state(after) is DatabaseState.OK


async def test_a_process_that_has_it_otherwise_than_its_role_is_unready(owner_url, opened):
    with isolated(owner_url) as role_url:
        assert await database_state(opened(role_url)) is DatabaseState.ISOLATED
        assert await database_state(opened(owner_url, isolated=True)) is DatabaseState.NOT_ISOLATED


async def test_one_that_is_left_open_is_enough_to_be_unready(owner_url, opened):
    with isolated(owner_url) as role_url:
        db = opened(role_url, isolated=True)
        for switched in (
            "ALTER TABLE choices NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
            f"CREATE POLICY all_of_it ON choices TO {db.url.username} USING (true)",
        ):
            await administer(owner_url, switched)
            assert (await isolation_of(db)).open == ["choices"]
            assert await database_state(db) is DatabaseState.NOT_ISOLATED
            back = "ALTER TABLE choices FORCE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY"
            await administer(owner_url, "DROP POLICY IF EXISTS all_of_it ON choices", back)
            assert await database_state(db) is DatabaseState.OK


MANY = """
INSERT INTO refund_history (refund_id, epoch, status, attempts, actor, recorded_at)
SELECT refund_id, n, status, attempts, actor, recorded_at
FROM refund_history, generate_series(1, 5001) AS n
"""


async def test_rows_of_older_builds_are_given_their_business(owner_url, opened):
    db = opened(owner_url)
    await filled(db)
    off, on = (f"ALTER TABLE refund_history {verb} TRIGGER USER" for verb in ("DISABLE", "ENABLE"))
    await administer(owner_url, MANY, off, "UPDATE refund_history SET business_id = NULL", on)
    with role_of(owner_url) as role_url:
        assert await isolated_for(owner_url, sa.make_url(role_url).username) == 5_002
        with of_business("ours"):
            async with opened(role_url, isolated=True).read() as conn:
                whose = sa.select(refund_history.c.business_id).distinct()
                assert (await conn.execute(whose)).scalars().all() == ["ours"]
                count = sa.select(sa.func.count()).select_from(refund_history)
                assert await conn.scalar(count) == 5_002
        assert await isolated_for(owner_url, sa.make_url(role_url).username) == 0


async def test_a_single_role_is_held_too_though_it_owns_the_tables(owner_url, opened):
    before = opened(owner_url)
    await filled(before)
    await isolated_for(owner_url, None)
    db = opened(owner_url, isolated=True)
    looked = await isolation_of(db)
    assert (looked.is_whole, looked.owns) == (True, True)
    assert await names(db) == []
    with of_business("ours"):
        assert await names(db) == ["ours"]
    async with db.read(across=True) as conn:
        assert len((await conn.execute(sa.select(jobs.c.id))).all()) == 1
    await isolated_for(owner_url, None)  # again changes nothing
    assert (await isolation_of(db)).is_whole


async def test_a_migration_by_a_single_role_changes_rows_and_holds_it_again(owner_url, opened):
    await filled(opened(owner_url))
    await isolated_for(owner_url, None)
    db = opened(owner_url)
    change = sa.update(clients).values(name="Lee")
    async with db.write() as conn:
        assert (await conn.execute(change)).rowcount == 0
        await conn.run_sync(isolate.let_the_owner_in)
        assert (await conn.execute(change)).rowcount == 1
        await conn.execute(sa.text("CREATE TABLE made_by_a_revision (id integer)"))
        await conn.run_sync(isolate.isolate_anew)
        assert (await conn.execute(change)).rowcount == 0
    assert (await isolation_of(db)).is_whole


async def test_what_a_migration_adds_is_isolated_as_the_rest_is(owner_url, opened):
    with isolated(owner_url) as role_url:
        db = opened(role_url, isolated=True)
        await administer(
            owner_url,  # as if a revision had just made it
            *(f"DROP POLICY {name} ON choices" for name in ("own_business", "across_reads")),
            "ALTER TABLE choices DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
            f"REVOKE ALL ON choices FROM {db.url.username}, {ACROSS}",
        )
        assert (await isolation_of(db)).open == ["choices"]
        await asyncio.to_thread(schema.migrate, owner_url)
        assert (await isolation_of(db)).is_whole
        async with db.read(across=True) as conn:
            assert (await conn.execute(sa.text("SELECT count(*) FROM choices"))).scalar() == 0


async def test_a_migration_that_adds_nothing_waits_for_no_table(owner_url, opened):
    with isolated(owner_url) as role_url:
        db = opened(role_url, isolated=True)
        with of_business("ours"):
            async with db.read() as conn:  # which reads them all, until the block ends
                for table in TABLES:
                    await conn.execute(sa.text(f"SELECT count(*) FROM {table}"))
                async with asyncio.timeout(15):
                    await asyncio.to_thread(schema.migrate, owner_url)


async def test_who_would_not_be_held_is_refused(owner_url, empty_postgresql_url):
    with pytest.raises(WrongRole, match="There is no role nobody"):
        await isolated_for(owner_url, "nobody")
    with pytest.raises(WrongRole, match="superuser"):
        await isolated_for(empty_postgresql_url, None)
    of_owner = f"IN ROLE {sa.make_url(owner_url).username}"
    with role_of(owner_url, of_owner) as url, pytest.raises(WrongRole, match="is a member"):
        await isolated_for(owner_url, sa.make_url(url).username)
    with role_of(owner_url) as url, pytest.raises(WrongRole, match="does not own"):
        await isolated_for(url, None)


async def test_an_owner_who_may_make_no_roles_is_told_what_to_have_said(
    plain_owner_url, empty_postgresql_url, opened
):
    with role_of(empty_postgresql_url) as role_url:
        role = sa.make_url(role_url).username
        with pytest.raises(WrongRole, match="an administrator") as told:
            await isolated_for(plain_owner_url, role)
        said = str(told.value).partition("database: ")[2]
        assert f"GRANT {ACROSS} TO {role}" in said
        await administer(empty_postgresql_url, *said.split("; "))
        await isolated_for(plain_owner_url, role)
        assert (await isolation_of(opened(role_url, isolated=True))).is_whole


@pytest.mark.parametrize("prepared", [True, False])
async def test_behind_a_pooler_each_transaction_sees_its_own_business(owner_url, opened, prepared):
    for id_ in ("ours", "theirs"):
        await insert(opened(owner_url), "businesses", id=id_)
    with isolated(owner_url) as role_url, pgbouncer.in_front_of(role_url, sessions=2) as pooled:
        url = role_url if prepared else pooled
        callers = [
            opened(url, pool_size=4, isolated=True, prepared_statements=prepared) for _ in range(2)
        ]

        async def ask(number):
            db = callers[number % 2]
            if number % 5 == 0:
                async with db.single(across=True) as conn:
                    rows = await conn.execute(sa.select(businesses.c.id))
                    return sorted(rows.scalars()) == ["ours", "theirs"]
            id_ = ("ours", "theirs")[number // 2 % 2]
            with of_business(id_):
                async with (db.read, db.write, db.snapshot, db.single)[number % 4]() as conn:
                    rows = await conn.execute(sa.select(businesses.c.id))
                    return list(rows.scalars()) == [id_]

        assert await asyncio.gather(*map(ask, range(480))) == [True] * 480


async def test_what_one_transaction_said_is_not_the_next_ones(owner_url, opened):
    """Whoever has the session next, as a pooler lends it, is of no business."""
    await insert(opened(owner_url), "businesses", id="ours")
    with isolated(owner_url) as role_url:
        db = opened(role_url, pool_size=2, isolated=True)
        with of_business("ours"):
            async with db.read() as conn:
                pooled = (await conn.get_raw_connection()).driver_connection
        assert await pooled.fetchval("SELECT current_setting('app.business_id', true)") == ""
        assert await pooled.fetchval("SELECT count(*) FROM businesses") == 0
        async with db.read(across=True) as conn:
            pooled = (await conn.get_raw_connection()).driver_connection
        assert await pooled.fetchval("SELECT current_user") == db.url.username


async def test_no_index_is_searched_by_a_policy(owner_url, opened):
    """Of a business that is new since tables were counted it would be taken for one row's."""
    with isolated(owner_url) as role_url, of_business("ours"):
        async with opened(role_url, isolated=True).read() as conn:
            await conn.execute(sa.text("SET LOCAL enable_seqscan = off"))
            for table in ("refunds", "jobs", "bookings"):
                plan = sa.text(f"EXPLAIN SELECT * FROM {table}")
                lines = (await conn.execute(plan)).scalars().all()
                assert any("app.business_id" in line for line in lines)
                assert not any("Index Cond" in line for line in lines), lines


async def test_young_tables_are_counted_for_a_role_that_owns_none(owner_url, opened):
    await filled(opened(owner_url))
    size = sa.text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
    with isolated(owner_url) as role_url, of_business("ours"):
        db = opened(role_url, isolated=True)
        async with db.write() as conn:
            assert await conn.scalar(size, {"name": "clients"}) == -1
            await count_schedule(conn)
            await count_job_sessions(conn, 1_000)
            assert await conn.scalar(size, {"name": "clients"}) == 1
            assert await conn.scalar(size, {"name": "job_sessions"}) == 1
        with pytest.raises(DBAPIError, match="no such table"):
            async with db.write() as conn:
                await conn.execute(sa.text("SELECT count_table('pg_authid')"))


def test_every_table_with_a_business_is_isolated():
    own = {"businesses"}
    of_a_business = {
        table.name for table in businesses.metadata.sorted_tables if "business_id" in table.c
    }
    assert set(TABLES) == own | of_a_business
