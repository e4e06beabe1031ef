"""What tests of choices ask for: a studio whose clients are asked, and their links."""

import pytest
import sqlalchemy as sa
from worlds.records import booking, client, session
from worlds.studio import calling

from app.cancellation.choices import links
from app.config.settings import Settings
from app.db import tables as t
from app.db.core.dialect import later, now
from app.refunds.slices.run import run_slice
from app.refunds.verify import verify

TERMS = {"choice": {"within_hours": 48, "bonus_percent": 10}}


class Asked:
    """A job of one class whose clients are asked, and the world around it."""

    def __init__(self, studio):
        self.studio, self.db, self.job_id = studio, studio.db, None

    @property
    def path(self):
        return f"/bulk-cancellations/{self.job_id}/choices"

    async def cancel(self, *session_ids, terms=None, **members):
        """Cancel, and let the worker do all that is due: what waits for a choice is not."""
        job = await self.studio.accepted(
            list(session_ids) or ["yoga"], terms=terms or TERMS, **members
        )
        self.job_id = job["id"]
        return await self.slice()

    async def slice(self):
        """What is due now; gives the seconds until the next is."""
        return await run_slice(self.studio.runtime, self.job_id, seconds=5)

    async def list(self, **query):
        return await self.studio.pages(self.path, **query)

    async def token(self, client_id="kim"):
        (link,) = [one["link"] for one in await self.list() if one["client_id"] == client_id]
        return link.removeprefix("/choose/")

    def token_for(self, client_id):
        """As the service makes it, whether or not it lists it."""
        secret_box = self.studio.runtime.settings.secret_box()
        return links.token_of(secret_box, self.job_id, client_id)

    async def read(self, client_id="kim", *, token=None):
        async with calling(self.studio.app) as anybody:
            return await anybody.get(f"/v1/choices/{token or await self.token(client_id)}")

    async def choose(self, form, client_id="kim", *, token=None):
        token = token or await self.token(client_id)
        async with calling(self.studio.app) as anybody:
            return await anybody.post(f"/v1/choices/{token}", json={"form": form})

    async def move_deadline(self, seconds=-1.0):
        """Have the time be up so many seconds from now, as if the clock had gone on."""
        moment = later(sa.literal(seconds, sa.Float))
        waits = sa.and_(t.refunds.c.choose_until.is_not(None), t.refunds.c.status == "pending")
        async with self.db.write() as conn:
            statement = sa.update(t.refunds).where(waits, t.refunds.c.epoch == 0)
            due = {"due_at": moment, "first_due_at": moment, "choose_until": moment}
            await conn.execute(statement.values(due))
            await conn.execute(sa.update(t.jobs).values(due_at=now()))

    async def refunds(self, client_id="kim"):
        return await self.studio.refunds(self.job_id, client_id=client_id)

    async def forms(self, client_id="kim"):
        return {
            one["booking_id"]: (one["returned_as"], one["bonus_minor"])
            for one in await self.refunds(client_id)
            if one["choose_until"]
        }

    async def broken(self):
        return [one.code for one in await verify(self.db)]


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url,
        secrets_file=tmp_path / "secrets.key",
        upstream_timeout_seconds=20,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


@pytest.fixture
async def asked(studio):
    """A class with bookings of which some may be chosen, and another with one of Kim's."""
    await studio.load(
        client("lee"),
        client("ana"),
        session("yoga", starts_in_hours=24),
        booking("card", "yoga", ("CAD", 2005)),
        booking("split", "yoga", ("CAD", 1505), ("credits", 1)),
        booking("lees", "yoga", ("CAD", 900), client_id="lee"),
        booking("anas", "yoga", ("credits", 2), client_id="ana"),
        booking("free", "yoga", client_id="ana"),
        session("spin", starts_in_hours=26),
        booking("yen", "spin", ("JPY", 25)),
    )
    return Asked(studio)


@pytest.fixture
def world_of_choices(studio):
    """A studio of which a test makes the classes."""
    return Asked(studio)
