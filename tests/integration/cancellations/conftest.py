"""What tests of cancellations ask for: a week of classes, callers of all kinds, a socket."""

import uuid

import httpx
import pytest
from worlds.records import booking, client, session
from worlds.studio import Audit, Desk, caller

from app.auth.keys import create_key
from app.config.settings import Settings
from app.serving import served


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
        webhook_loopback=True,
    )


@pytest.fixture
async def week(studio):
    """The studio with sessions to come, begun and over, and bookings of every kind."""
    await studio.load(
        client("lee"),
        session("yoga", starts_in_hours=24),
        booking("card", "yoga", ("CAD", 2000)),
        booking("credit", "yoga", ("credits", 2), client_id="lee"),
        booking("split", "yoga", ("CAD", 1500), ("credits", 1)),
        booking("free", "yoga"),
        booking("waiting", "yoga", ("CAD", 2000), status="waitlisted"),
        booking("early", "yoga", ("CAD", 999), status="checked_in"),
        booking("gone", "yoga", ("CAD", 5000), status="cancelled"),
        session("spin", starts_in_hours=26),
        booking("yen", "spin", ("JPY", 500)),
        booking("dinar", "spin", ("KWD", 12345), client_id="lee"),
        session("empty", starts_in_hours=28),
        session("begun", starts_in_hours=-0.5),
        booking("attended", "begun", ("CAD", 700), status="checked_in"),
        booking("absent", "begun", ("CAD", 800)),
        session("over", starts_in_hours=-24),
        booking("late", "over", ("CAD", 300)),
    )
    return studio


@pytest.fixture
async def live(studio):
    """The studio's API on a real socket, for answers that are read while they are written."""
    headers = {"Authorization": f"Bearer {studio.key}"}
    async with (
        served(studio.app) as address,
        httpx.AsyncClient(
            base_url=address, headers=headers, trust_env=False, verify=False, timeout=20
        ) as http,
    ):
        yield http


@pytest.fixture
def caller_with(studio, db):
    """Make a caller of the studio whose key has only these scopes."""

    async def make(*scopes):
        return Desk(caller(studio.app, await create_key(db, "studio", uuid.uuid4().hex, scopes)))

    return make


@pytest.fixture
def audit_from():
    """Reads the bytes of an audit CSV."""
    return Audit


@pytest.fixture
async def refused(week):
    """A job that has ended with two refunds refused."""
    await week.faults(
        refuse_ids={"card-payment-1": "refund_window_expired", "credit-account": "account_closed"}
    )
    job = await week.accepted(["yoga"])
    await week.work(job["id"])
    return await week.job(job["id"])
