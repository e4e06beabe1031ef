"""A business's webhooks, managed over the API, with their rows and workers."""

import asyncio
import contextlib
import json

import sqlalchemy as sa
from worlds.patience import PATIENCE_SECONDS
from worlds.studio import Desk

from app import services
from app.config.settings import Settings
from app.db.core.dialect import now
from app.db.tables.webhooks import (
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
    webhook_secrets,
)
from app.db.webhooks.events import Event, publish
from app.domain.events import EventType

NOWHERE = "http://127.0.0.1:9/hook"
ACCEPTED = Event(EventType.ACCEPTED, {"job_id": "j", "status": "queued"})
CANCELLED = Event(EventType.SESSION_CANCELLED, {"job_id": "j", "session_id": "s"})
ENDED = Event(EventType.COMPLETED, {"job_id": "j", "status": "completed"})


def sender(database_url, folder):
    """Settings of an embedded process that may send to this machine."""
    return Settings(
        database_url=database_url,
        webhook_loopback=True,
        secrets_file=folder / "secrets.key",
        webhook_timeout_seconds=5,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


class Office(Desk):
    """A business's webhooks, managed over the API, and their rows.

    They are delivered by workers that run when told to.
    """

    def __init__(self, http, db, settings):
        super().__init__(http)
        self.db, self.settings = db, settings

    async def call(self, method, path, body=None, *, code=200):
        answer = await self.http.request(method, f"/v1/webhook-endpoints{path}", json=body)
        assert answer.status_code == code, answer.text
        return answer.json() if answer.content else None

    async def endpoint(self, url, **members):
        """Create one; gives its id and its secret."""
        return await self.call("POST", "", {"url": url} | members, code=201)

    async def change(self, endpoint, **members):
        return await self.call("PATCH", f"/{endpoint['id']}", members)

    async def shown(self, endpoint):
        return await self.call("GET", f"/{endpoint['id']}")

    async def test(self, endpoint):
        """Have a test event sent; gives its id."""
        return (await self.call("POST", f"/{endpoint['id']}/test", code=202))["event_id"]

    async def delivery(self, endpoint, event_id):
        return await self.call("GET", f"/{endpoint['id']}/deliveries/{event_id}")

    async def deliveries(self, endpoint):
        """By the event's id."""
        rows = await self.pages(f"/webhook-endpoints/{endpoint['id']}/deliveries", limit=200)
        return {row["event_id"]: row for row in rows}

    async def tell(self, events, *, business="studio"):
        """Write events as a step would that has done something; gives their ids."""
        async with self.db.write() as conn:
            return await publish(conn, business, events)

    async def events(self):
        """What has been told, whoever is to hear it, oldest first: the type and its data."""
        async with self.db.read() as conn:
            columns = (webhook_events.c.payload, webhook_events.c.business_id)
            rows = (await conn.execute(sa.select(*columns).order_by(webhook_events.c.id))).all()
        bodies = [json.loads(row.payload) for row in rows]
        assert [body["data"]["business_id"] for body in bodies] == [row.business_id for row in rows]
        return [(body["type"], body["data"]) for body in bodies]

    async def row(self, endpoint):
        async with self.db.read() as conn:
            query = sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint["id"])
            return (await conn.execute(query)).mappings().one()

    async def secrets(self, endpoint):
        """The endpoint's rows of secrets, the oldest first."""
        async with self.db.read() as conn:
            query = sa.select(webhook_secrets).where(
                webhook_secrets.c.endpoint_id == endpoint["id"]
            )
            return (await conn.execute(query.order_by(webhook_secrets.c.id))).mappings().all()

    async def set_secret(self, secret_id, **values):
        """Change a secret's row, as time would have done."""
        async with self.db.write() as conn:
            statement = sa.update(webhook_secrets).where(webhook_secrets.c.id == secret_id)
            await conn.execute(statement.values(**values))

    async def set(self, endpoint, **values):
        """Change the endpoint's row, as time would have done."""
        async with self.db.write() as conn:
            statement = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint["id"])
            await conn.execute(statement.values(**values))

    async def make_due(self):
        """Let as much time go by as makes all that is on its way due: leases end, too."""
        async with self.db.write() as conn:
            pending = webhook_deliveries.c.due_at.is_not(None)
            await conn.execute(sa.update(webhook_deliveries).where(pending).values(due_at=now()))

    async def is_due(self):
        async with self.db.read() as conn:
            query = sa.select(sa.exists().where(webhook_deliveries.c.due_at <= now()))
            return bool((await conn.execute(query)).scalar())

    @contextlib.asynccontextmanager
    async def worker(self, *, jitter=0.5, yields=lambda: False, **settings):
        """One that delivers, until the block ends; it looks at once and then every second."""
        stopping = asyncio.Event()
        changed = self.settings.model_copy(update=settings)
        service = services.delivering_from(
            self.db, changed, stopping, jitter=lambda: jitter, yields=yields
        )
        task = asyncio.create_task(services.keep_running(service, stopping))
        try:
            yield service
        finally:
            stopping.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await task

    async def deliver(self, **settings):
        """A worker that ends once nothing is due, nor on its way or claimed to go."""
        async with self.worker(**settings) as worker:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # In this order: a lane that claims after the look has nothing to claim.
                while await self.is_due() or worker.tasks:  # noqa: ASYNC110 - nothing tells of both
                    await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def refusing(self, table, operation="INSERT", when="1 = 1"):
        """A database that refuses to write this table while the block runs."""
        trigger = f"CREATE TRIGGER refuse BEFORE {operation} ON {table} FOR EACH ROW WHEN"
        if self.db.is_postgresql:
            body = "LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END'"
            make = [
                f"CREATE FUNCTION refuse() RETURNS trigger {body}",
                f"{trigger} ({when}) EXECUTE FUNCTION refuse()",
            ]
            drop = ["DROP FUNCTION refuse CASCADE"]
        else:
            make = [f"{trigger} {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
            drop = ["DROP TRIGGER refuse"]
        await self._execute(make)
        try:
            yield
        finally:
            await self._execute(drop)

    async def _execute(self, statements):
        async with self.db.write() as conn:
            for statement in statements:
                await conn.execute(sa.text(statement))


def codes(delivery):
    return [attempt["status_code"] for attempt in delivery["attempts"]]


async def rows(office):
    """All of this noun, to see that nothing was changed."""
    tables_ = (webhook_endpoints, webhook_events, webhook_deliveries)
    async with office.db.read() as conn:
        return [
            sorted(map(repr, (await conn.execute(sa.select(table))).all())) for table in tables_
        ]


async def post(office, path, **body):
    return await office.http.post(f"/v1/webhook-endpoints{path}", json=body)
