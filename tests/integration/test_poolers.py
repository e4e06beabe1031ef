"""PostgreSQL behind a pooler that lends its sessions for one transaction each: a real PgBouncer."""

import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from crash.processes import until
from worlds import pgbouncer

from app.db import schema
from app.db.core.driver import fetch

SHOWN = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout", "jit")
TIMEOUTS = {
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "20s",
    "statement_timeout": "5min",
    "jit": "off",
}
BLOCKS = ("read", "write", "snapshot", "export")
SINGLES = ("single", "autocommit")
ALL_SHOWN = sa.text("SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in SHOWN))
WHO = sa.text("SELECT pg_backend_pid() AS id")
MIGRATING = "SELECT pg_advisory_xact_lock(1651862635)"


@pytest.fixture
def pooled_url(postgresql_url):
    with pgbouncer.in_front_of(postgresql_url, sessions=2) as url:
        yield url


async def shown(db, block):
    async with getattr(db, block)() as conn:
        return dict((await fetch(conn, ALL_SHOWN, {}))[0])


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_transaction_has_our_timeouts(opened, postgresql_url, block):
    assert await shown(opened(postgresql_url), block) == TIMEOUTS


@pytest.mark.parametrize("block", BLOCKS + SINGLES)
async def test_behind_a_pooler_everything_has_our_timeouts(opened, pooled_url, block):
    assert await shown(opened(pooled_url, prepared_statements=False), block) == TIMEOUTS


@pytest.mark.parametrize("block", SINGLES)
async def test_a_statement_outside_a_transaction_ends_by_the_driver(opened, postgresql_url, block):
    db = opened(postgresql_url)
    async with getattr(db, block)() as conn:
        assert (await fetch(conn, ALL_SHOWN, {}))[0]["jit"] == "off"
    async with db.read() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver._config.command_timeout == 300


async def test_what_one_transaction_was_given_is_not_the_next_ones(opened, pooled_url):
    """The pooler's sessions stay as its other callers want them."""
    db = opened(pooled_url, prepared_statements=False)
    await shown(db, "write")
    plain = sa.make_url(pooled_url).set(drivername="postgresql")
    other = await asyncpg.connect(
        plain.render_as_string(hide_password=False), statement_cache_size=0
    )
    async with other.transaction():
        row = dict((await other.fetch(str(ALL_SHOWN)))[0])
    await other.close()
    assert {row["lock_timeout"], row["statement_timeout"]} == {"0"}


async def test_callers_of_many_processes_share_few_sessions(opened, pooled_url):
    callers = [opened(pooled_url, pool_size=4, prepared_statements=False) for _ in range(4)]
    seen = set()

    async def ask(number):
        block = (BLOCKS + SINGLES)[number % 6]
        mine = sa.text("SELECT CAST(:number AS integer) AS number, pg_backend_pid() AS id")
        async with getattr(callers[number % 4], block)() as conn:
            [row] = await fetch(conn, mine, {"number": number})
            [again] = await fetch(conn, mine, {"number": number})
            assert row == again or block in SINGLES
            result = await conn.execute(WHO) if hasattr(conn, "execute") else None
            if result is not None:
                assert result.scalar_one() == again["id"]
        seen.add(row["id"])
        return row["number"]

    assert await asyncio.gather(*map(ask, range(400))) == list(range(400))
    assert len(seen) == 2


def test_many_migrate_at_once_through_a_pooler(empty_postgresql_url, zygote, tmp_path):
    with pgbouncer.in_front_of(empty_postgresql_url, sessions=4) as url:
        environment = {"BULK_CANCEL_DATABASE_URL": url}
        each = [
            zygote.start(["migrate"], environment, tmp_path, tmp_path / f"{number}.log")
            for number in range(4)
        ]
        until(lambda: not any(one.alive for one in each))
        assert [zygote.ended(one.pid) for one in each] == [0] * 4, each[0].log.read_text()
        assert {one.log.read_text() for one in each} == {
            f"The schema is at version {schema.newest_version()}.\n"
        }


async def migrated_meanwhile(url, patience_seconds):
    """Migrate while somebody else does; gives what became of it."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    other = await asyncpg.connect(plain)
    async with other.transaction():
        await other.execute(MIGRATING)
        waiting = asyncio.to_thread(schema.migrate, url, patience_seconds=patience_seconds)
        with pytest.raises(schema.OthersMigrate, match="Another process has been migrating"):
            await asyncio.wait_for(waiting, 60)
    await other.close()
    return await asyncio.to_thread(schema.migrate, url)


def test_who_migrates_does_not_wait_for_ever_for_another(empty_postgresql_url):
    found = asyncio.run(migrated_meanwhile(empty_postgresql_url, 0.2))
    assert found.version == schema.newest_version()
