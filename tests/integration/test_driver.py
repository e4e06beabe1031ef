"""Statements on the driver's own connection fail and end as SQLAlchemy's do.

They leave no broken connection behind.
"""

import asyncio

import pytest
import sqlalchemy as sa

from app.db.core.driver import fetch
from app.db.core.engine import Database
from app.db.core.outage import is_outage
from app.db.tables import businesses

ADD = sa.text(
    "INSERT INTO businesses (id, name, timezone, currency, created_at) "
    "VALUES (:id, 'B', 'UTC', 'CAD', now())"
)
SLEEP = sa.text("SELECT pg_sleep(CAST(:seconds AS double precision))")
END_ME = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")
WHO = sa.text("SELECT pg_backend_pid() AS id")


@pytest.fixture
async def one(postgresql_url):
    """A handle that has a single connection."""
    database = Database(postgresql_url, pool_size=1)
    yield database
    await database.close()


async def known(db):
    async with db.read() as conn:
        return set((await conn.execute(sa.select(businesses.c.id))).scalars())


async def write(db, *ids, error=None):
    """One transaction, whose statements go by the driver and by SQLAlchemy in turns."""
    async with db.write() as conn:
        for place, id_ in enumerate(ids):
            await (conn.execute(ADD, {"id": id_}) if place % 2 else fetch(conn, ADD, {"id": id_}))
        if error is not None:
            raise error


async def who(db):
    async with db.autocommit() as conn:
        return (await fetch(conn, WHO, {}))[0]["id"]


async def test_what_both_wrote_is_committed_together_or_not_at_all(one):
    before = await who(one)
    await write(one, "first", "second")
    with pytest.raises(RuntimeError, match="no"):
        await write(one, "third", "fourth", error=RuntimeError("no"))
    assert await known(one) == {"first", "second"}
    assert await who(one) == before


@pytest.mark.parametrize("ids", [("same", "other", "same"), ("other", "same", "third", "same")])
async def test_a_refused_statement_is_sqlalchemys_error_and_no_outage(one, ids):
    before = await who(one)
    with pytest.raises(sa.exc.DBAPIError) as refused:
        await write(one, *ids)
    assert not is_outage(refused.value)
    assert await known(one) == set()
    assert await who(one) == before


@pytest.mark.parametrize("block", ["write", "autocommit"])
async def test_a_lost_connection_is_an_outage_and_is_replaced(one, block):
    async def lose():
        async with getattr(one, block)() as conn:
            await fetch(conn, END_ME, {})

    before = await who(one)
    with pytest.raises(sa.exc.DBAPIError) as lost:
        await lose()
    assert is_outage(lost.value)
    assert await who(one) != before


async def test_a_transaction_that_is_cancelled_in_the_middle_leaves_nothing_behind(one):
    async def write_and_wait():
        async with one.write() as conn:
            await fetch(conn, ADD, {"id": "half"})
            await fetch(conn, SLEEP, {"seconds": 30})

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(write_and_wait(), 0.3)
    assert await known(one) == set()


async def test_a_single_connection_is_given_back_as_it_was_and_a_broken_one_is_not(one):
    async with one.single() as conn:
        before = (await fetch(conn, WHO, {}))[0]["id"]
    assert await who(one) == before
    with pytest.raises(sa.exc.DBAPIError) as refused:
        async with one.single() as conn:
            await fetch(conn, sa.text("SELECT 1 / CAST(:nought AS integer)"), {"nought": 0})
    assert not is_outage(refused.value)
    assert await who(one) == before
    with pytest.raises(sa.exc.DBAPIError) as ended:
        async with one.single() as conn:
            await fetch(conn, END_ME, {})
    assert is_outage(ended.value)
    assert await who(one) != before


async def test_a_single_statement_that_is_cancelled_leaves_a_connection_for_the_next(one):
    async def sleeps():
        async with one.single() as conn:
            await fetch(conn, SLEEP, {"seconds": 60.0})

    sleeping = asyncio.create_task(sleeps())
    async with asyncio.timeout(20):
        while one.engine.pool.checkedout() == 0:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert await who(one)


async def test_a_database_that_is_away_is_an_outage_to_single_connections_too():
    away = Database("postgresql+asyncpg://postgres@127.0.0.1:9/none")
    with pytest.raises((sa.exc.SQLAlchemyError, OSError)) as error:
        async with away.single() as conn:
            await fetch(conn, WHO, {})
    assert is_outage(error.value)
    await away.close()


async def test_a_database_that_does_not_know_who_asks_is_an_outage_to_single_connections_too(
    postgresql_url,
):
    unknown = Database(
        sa.make_url(postgresql_url)
        .set(database="there_is_none")
        .render_as_string(hide_password=False)
    )
    with pytest.raises(sa.exc.SQLAlchemyError) as error:
        async with unknown.single() as conn:
            await fetch(conn, WHO, {})
    assert is_outage(error.value)
    await unknown.close()
