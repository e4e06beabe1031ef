"""A database that only reads for a while, or ends connections in the middle, is an outage.

It is answered by 503, and over when it is.
"""

import asyncio
import contextlib

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from worlds.patience import eventually

from app.auth import keys
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core import driver
from app.db.core.engine import Database
from app.db.core.group_commit import GroupCommitter
from app.main import create_app
from app.queue import LocalQueue

SESSION = {
    "name": "Yoga",
    "starts_at": "2026-11-23T09:00:00Z",
    "ends_at": "2026-11-23T10:00:00Z",
    "timezone": "UTC",
}


class Operator:
    """Somebody beside the service, with a connection of their own."""

    def __init__(self, url):
        self.name = sa.make_url(url).database
        self.engine = create_async_engine(
            sa.make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT"
        )

    async def does(self, statement):
        async with self.engine.connect() as conn:
            await conn.execute(
                sa.text(statement), {"name": self.name} if ":name" in statement else {}
            )

    async def ends_connections(self):
        await self.does(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        )


@pytest.fixture
async def operator(postgresql_url):
    operator = Operator(postgresql_url)
    yield operator
    await operator.does(f'ALTER DATABASE "{operator.name}" RESET default_transaction_read_only')
    await operator.engine.dispose()


@pytest.fixture
async def db(postgresql_url):
    db = Database(postgresql_url, pool_size=5)
    yield db
    await db.close()


@pytest.fixture
async def api(db):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    key = await keys.create_key(db, "studio", "tests", list(keys.Scope))
    app = create_app(Settings(), database=db, queue=LocalQueue())
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://api", headers=headers
    ) as http:
        yield http


async def at_once(api, times=5):
    """As many requests as the pool has connections, so that each is used."""
    return {
        one.status_code
        for one in await asyncio.gather(*(api.get("/v1/sessions") for _ in range(times)))
    }


async def test_a_server_that_only_reads_is_an_outage_and_over_at_once_when_it_writes_again(
    api, operator
):
    assert (await api.put("/v1/sessions/before", json=SESSION)).status_code in {200, 201}
    await operator.does(f'ALTER DATABASE "{operator.name}" SET default_transaction_read_only = on')
    await operator.ends_connections()
    await at_once(api)
    await at_once(api)
    refused = await api.put("/v1/sessions/meanwhile", json=SESSION)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/database-unavailable")
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, "read_only")
    await at_once(api)
    await operator.does(f'ALTER DATABASE "{operator.name}" RESET default_transaction_read_only')
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (200, "ok")
    for id_ in ("a", "b", "c", "d", "e", "f"):
        assert (await api.put(f"/v1/sessions/{id_}", json=SESSION)).status_code in {200, 201}
    assert (await api.get("/v1/sessions/meanwhile")).status_code == 404


async def test_one_refused_write_renews_every_connection_of_its_age(api, operator):
    await operator.does(f'ALTER DATABASE "{operator.name}" SET default_transaction_read_only = on')
    await operator.ends_connections()
    await at_once(api)
    await at_once(api)
    await operator.does(f'ALTER DATABASE "{operator.name}" RESET default_transaction_read_only')
    answers = [(await api.put(f"/v1/sessions/s{n}", json=SESSION)).status_code for n in range(8)]
    assert answers.count(503) <= 1
    assert answers[-7:] == [answers[-1]] * 7 != [503] * 7


async def test_a_connection_that_has_ended_is_given_to_nobody(db, operator):
    async with contextlib.AsyncExitStack() as stack:
        conns = [await stack.enter_async_context(db.write()) for _ in range(5)]
        pooled = [(await conn.get_raw_connection()).driver_connection for conn in conns]
    await operator.ends_connections()
    await eventually(lambda: all(one.is_closed() for one in pooled))
    for opened in (db.read, db.write, db.snapshot, db.single):
        async with opened() as conn:
            assert await driver.fetch(conn, sa.text("SELECT 1 AS one"), {})


async def test_connections_that_end_in_the_middle_are_outages_and_nothing_else(api, db, operator):
    ending = True
    written = []

    async def end_them():
        while ending:
            await operator.ends_connections()
            await asyncio.sleep(0.01)

    async def record(group):
        async with db.write() as conn:
            for one in group:
                await conn.execute(
                    sa.text(
                        "INSERT INTO businesses (id, name, timezone, currency, created_at)"
                        " VALUES (:id, 'B', 'UTC', 'CAD', now()) ON CONFLICT DO NOTHING"
                    ),
                    {"id": f"b{one}"},
                )
        written.extend(group)

    async with GroupCommitter(record) as groups:
        killer = asyncio.create_task(end_them())
        statuses = set()
        for n in range(40):
            groups.add(n)
            calls = [
                api.get("/v1/sessions"),
                api.get("/readyz"),
                api.put(f"/v1/sessions/k{n}", json=SESSION),
            ]
            statuses |= {
                one.status_code
                for one in await asyncio.gather(
                    *calls, *(api.get("/v1/business") for _ in range(3))
                )
            }
        ending = False
        await killer
    assert statuses <= {200, 201, 503}
    assert 503 in statuses
    assert sorted(written) == list(range(40))
    assert await at_once(api) <= {200, 503}
    assert (await api.get("/v1/sessions")).status_code == 200
