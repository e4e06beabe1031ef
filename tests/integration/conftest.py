"""What tests of steps ask for: upstreams with books, peers, a studio and a stranger."""

import asyncio
import contextlib

import httpx
import pytest
from integration.model.at_once import PlaceOnPostgresql, PlaceOnSqlite
from worlds.peers import Peer, listening
from worlds.queue import Unheard
from worlds.records import client
from worlds.studio import Desk, Studio, caller
from worlds.upstream import running

from app.auth.keys import Scope, create_key
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.main import create_app
from app.refunds.runtime import Runtime, gateways
from app.sandbox.app import create_sandbox
from app.serving import served


@pytest.fixture
async def opened():
    """Opens databases by their address, and closes them with the test."""
    databases = []

    def open_(url, **how):
        databases.append(Database(url, **how))
        return databases[-1]

    yield open_
    for database in databases:
        await database.close()


@pytest.fixture
async def upstream_sandbox():
    async with running(create_sandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def upstream_running():
    return running


@pytest.fixture
async def peer_on():
    """Start peers: `await peer_on(talk, host=…, tls=…)`.

    `talk(peer, reader, writer)` is one connection's life.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(talk, **where) -> Peer:
            return await stack.enter_async_context(listening(talk, **where))

        yield start


@pytest.fixture
async def studio(db, settings):
    """An empty studio in Toronto with one client, Kim, served without a worker."""
    async with db.write() as conn:
        await create_business(
            conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
        )
    key = await create_key(db, "studio", "front desk", Scope)
    queue = Unheard()
    async with (
        served(create_sandbox()) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as upstream,
    ):
        calls = gateways(
            settings, payments_url=f"{address}/payments", credits_url=f"{address}/credits"
        )
        runtime = Runtime(db, queue, calls, settings, jitter=lambda: 0.0)
        app = create_app(settings, database=db, queue=queue, runtime=runtime)
        async with caller(app, key) as http:
            studio = Studio(http, db, runtime, upstream, queue)
            studio.app, studio.key = app, key
            await studio.load(client("kim"))
            yield studio
        await runtime.aclose()


@pytest.fixture
async def stranger(studio, db):
    """A caller of another business, which has a session of its own."""
    async with db.write() as conn:
        await create_business(conn, "other", name="Other", timezone="UTC", currency="EUR")
    async with caller(studio.app, await create_key(db, "other", "desk", Scope)) as http:
        desk = Desk(http)
        await desk.session("theirs")
        yield desk


@pytest.fixture
def place(database_url):
    """Where a model's businesses are: a database, and the loop that all of a run share."""
    kind = PlaceOnSqlite if database_url.startswith("sqlite") else PlaceOnPostgresql
    with asyncio.Runner() as runner:
        place = kind(runner, database_url)
        yield place
        place.close()
