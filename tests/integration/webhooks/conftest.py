"""What tests of webhooks ask for: peers, receivers, an authority for certificates, an office."""

import httpx
import pytest
from worlds.certificates import Authority
from worlds.office import NOWHERE, Office, sender
from worlds.patience import eventually
from worlds.queue import Unheard
from worlds.receivers import Receiver, hook_at

from app.auth.keys import Scope, create_key
from app.db.access.businesses import create as create_business
from app.main import create_app


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def receiving(peer_on):
    """Start receivers: `await receiving()`."""

    async def start(reply=204):
        receiver = Receiver(reply=reply)
        receiver.url = hook_at(await peer_on(receiver.talk))
        return receiver

    return start


@pytest.fixture
def settings(database_url, tmp_path):
    """Of an embedded process that may send to this machine."""
    return sender(database_url, tmp_path)


@pytest.fixture
async def office(db, settings):
    """Of the business `studio`, with no schedule, no upstreams and no worker."""
    async with db.write() as conn:
        await create_business(
            conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
        )
    headers = {"Authorization": f"Bearer {await create_key(db, 'studio', 'front desk', Scope)}"}
    app = create_app(settings, database=db, queue=Unheard())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://studio.test", headers=headers
    ) as http:
        yield Office(http, db, settings)


@pytest.fixture(name="eventually")
def _eventually():
    return eventually


@pytest.fixture
async def theirs(office):
    """The same calls by another business, which has an endpoint that has been sent something."""
    async with office.db.write() as conn:
        await create_business(conn, "other", name="Other", timezone="UTC", currency="EUR")
    key = await create_key(office.db, "other", "desk", Scope)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=office.http._transport, base_url="http://studio.test", headers=headers
    ) as http:
        theirs = Office(http, office.db, office.settings)
        theirs.own = await theirs.endpoint(NOWHERE)
        theirs.event_id = await theirs.test(theirs.own)
        yield theirs


@pytest.fixture
async def told(studio, settings):
    """The studio's webhooks, with one endpoint that is told all; nothing is delivered here."""
    office = Office(studio.http, studio.db, settings)
    office.everything = await office.endpoint(NOWHERE)
    return office


@pytest.fixture
async def classes(studio):
    """Two classes: a payment, a credit, a booking that cost nothing, a place on a waiting list."""
    for session in ("yoga", "spin"):
        await studio.session(session)
    await studio.booking("card", "yoga", ("CAD", 2000))
    await studio.booking("credit", "yoga", ("credits", 2))
    await studio.booking("free", "spin")
    await studio.booking("waiting", "spin", status="waitlisted")
    return studio
