"""All that a business and a worker do in a day, once: each list and step runs its statements."""

import asyncio
import datetime as dt
import json

import httpx
import sqlalchemy as sa
from worlds.patience import PATIENCE_SECONDS

from app import services
from app.auth import sign_ins
from app.auth.keys import Scope, create_key, list_keys
from app.config.settings import Settings
from app.db import tables as t
from app.db.access import ended_sign_ins
from app.db.access.businesses import create as create_business
from app.db.core.dialect import now
from app.db.core.engine import Database
from app.db.messages import claims
from app.db.webhooks import deliveries, events
from app.domain.nouns.sign_ins import ShownSignIn
from app.domain.statuses import RefundStatus
from app.gateways.provider import ProvidersRefund
from app.main import create_app
from app.privacy import erase, retention
from app.privacy.erase import Eraser
from app.queue import LocalQueue
from app.refunds import inbound_events
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices import recover
from app.refunds.slices.run import run_slice
from app.refunds.verify import check

BUSINESS = "day"
SESSIONS = 6
BOOKINGS_EACH = 4
FIRST_DAY = dt.date(2027, 1, 11)
_DAYS = {"date_from": str(FIRST_DAY), "date_to": str(FIRST_DAY)}


class Day:
    """One business's calls, and the worker's."""

    def __init__(self, http: httpx.AsyncClient, runtime: Runtime, upstream) -> None:
        self.http = http
        self.runtime = runtime
        self.upstream = upstream

    async def pass_by(self) -> None:
        await self.schedule_is_loaded()
        await self.schedule_is_read()
        here = await self.endpoint_is_made()
        await self.a_plan_is_made_and_withdrawn()
        job_id = await self.sessions_are_cancelled()
        await self.job_is_read(job_id)
        await self.refused_ones_are_tried_again_and_closed(job_id)
        await self.clients_are_told(job_id)
        await self.worker_sweeps_and_checks()
        await self.what_was_told_is_delivered_and_read(here)
        await list_keys(self.runtime.db, BUSINESS)
        await self.who_administers_is_looked_at()
        await self.clients_are_called_otherwise_erased_and_forgotten(job_id)

    async def who_administers_is_looked_at(self) -> None:
        await self.get("/v1/administration", limit="1")
        db = self.runtime.db
        at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        async with db.single() as conn:
            for sid in (None, "s1"):
                await ended_sign_ins.is_ended(conn, ShownSignIn("ada", sid, BUSINESS, at))
        await sign_ins.purge(db)

    async def clients_are_called_otherwise_erased_and_forgotten(self, job_id: str) -> None:
        called = await self.http.put("/v1/clients/c", json={"name": "Kim Ito"})
        assert called.is_success, called.text
        await self.get(f"/v1/bulk-cancellations/{job_id}/audit.csv")
        assert (await self.http.put("/v1/clients/d", json={"name": "Ada"})).is_success
        await self.post("/v1/clients/d/erase")
        eraser = Eraser(self.runtime.db, asyncio.Event())
        while await erase.run_due(eraser) is not None:
            pass
        assert (
            await self.http.put("/v1/retention", json={"job_days": 1, "message_days": 1})
        ).is_success
        await retention.run_due(eraser)

    async def get(self, path: str, **query: str) -> httpx.Response:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer

    async def post(self, path: str, body: dict | None = None, **headers: str) -> dict:
        answer = await self.http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def schedule_is_loaded(self) -> None:
        content = "\n".join(json.dumps(record) for record in _records())
        headers = {"Content-Type": "application/x-ndjson"}
        answer = await self.http.post("/v1/schedule/import", content=content, headers=headers)
        assert answer.json()["errors"] == 0, answer.text

    async def schedule_is_read(self) -> None:
        page = (await self.get("/v1/sessions", **_DAYS, limit="2")).json()
        await self.get("/v1/sessions", **_DAYS, limit="2", cursor=page["next_cursor"])
        await self.get(
            "/v1/sessions", **_DAYS, status="scheduled", location="Hall", instructor="Ana", q="yo"
        )
        await self.get("/v1/sessions/s0")
        await self.get("/v1/sessions/s0/bookings")
        await self.get("/v1/clients/c/bookings")
        await self.get(f"/v1/public/{BUSINESS}/schedule", **_DAYS)
        await self.get(f"/v1/public/{BUSINESS}/schedule.ics")

    async def endpoint_is_made(self) -> str:
        made = await self.post("/v1/webhook-endpoints", {"url": f"{self.upstream.url}/hooks"})
        return f"/v1/webhook-endpoints/{made['id']}"

    async def what_was_told_is_delivered_and_read(self, here: str) -> None:
        await self.post(f"{here}/test")
        await self.deliver()
        page = (await self.get(f"{here}/deliveries", limit="2")).json()
        await self.get(
            f"{here}/deliveries", limit="2", status="pending", cursor=page["next_cursor"]
        )
        one = f"{here}/deliveries/{page['data'][0]['event_id']}"
        await self.get(one)
        await self.post(f"{one}/redeliver")
        await self.post(
            f"{here}/replay", {"since": "2026-01-01T00:00:00Z", "undelivered_only": True}
        )
        await self.post(f"{here}/rotate-secret", {})
        await self.get("/v1/webhook-endpoints", limit="1")
        await self.http.patch(here, json={"status": "disabled"})
        async with self.runtime.db.write() as conn:
            await events.forget(conn, before=dt.datetime(2099, 1, 1, tzinfo=dt.UTC), limit=5)
        assert (await self.http.delete(here)).status_code == 204

    async def clients_are_told(self, job_id: str) -> None:
        here = f"/v1/bulk-cancellations/{job_id}/messages"
        await self.post(f"{here}/preview", {"client_id": "c"})
        await self.until_nothing_is_due(services.telling_from, claims.due_businesses)
        page = (await self.get(here, status="sent", client_id="c", limit="1")).json()
        await self.get(f"{here}/counts")
        await self.post(f"{here}/{page['data'][0]['id']}/resend")
        await self.until_nothing_is_due(services.telling_from, claims.due_businesses)
        await self.get("/v1/suppressed-addresses")
        await self.get(f"/v1/bulk-cancellations/{job_id}/audit.csv")

    async def deliver(self) -> None:
        """Until each has been tried once; the sandbox takes none of them."""
        await self.until_nothing_is_due(services.delivering_from, deliveries.due_endpoints)

    async def until_nothing_is_due(self, service_from, due) -> None:
        stop = asyncio.Event()
        service = service_from(self.runtime.db, self.runtime.settings, stop)
        running = asyncio.create_task(services.keep_running(service, stop))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.something_is(due):  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.1)
        stop.set()
        await running

    async def something_is(self, due) -> bool:
        async with self.runtime.db.read() as conn:
            return bool(await due(conn))

    async def a_plan_is_made_and_withdrawn(self) -> None:
        plan = await self.post("/v1/bulk-cancellations/plan", _DAYS | {"session_ids": ["s0", "s1"]})
        told = _DAYS | {"session_ids": ["s0", "s1"], "messages": {"clients": "email"}}
        await self.post("/v1/bulk-cancellations/plan/message", told | {"client_id": "c"})
        on_hold = _DAYS | {
            "session_ids": ["s0", "s1"],
            "hold_seconds": 600,
            "plan_digest": plan["digest"],
        }
        job = await self.post("/v1/bulk-cancellations", on_hold, **{"Idempotency-Key": "first"})
        await self.post(f"/v1/bulk-cancellations/{job['id']}/withdraw")

    async def sessions_are_cancelled(self) -> str:
        await self.upstream.faults(refuse_ids={"b1": "disputed", "b2": "disputed"}, pending=0.3)
        chosen = _DAYS | {"session_ids": "all", "messages": {"clients": "email"}}
        job = await self.post("/v1/bulk-cancellations", chosen, **{"Idempotency-Key": "second"})
        await self.post("/v1/bulk-cancellations", chosen, **{"Idempotency-Key": "second"})
        await self.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv")
        await self.work(job["id"])
        return job["id"]

    async def work(self, job_id: str) -> None:
        """A slice, with what it finds due: what is to be looked up later waits for another."""
        await run_slice(self.runtime, job_id, seconds=0.5)

    async def job_is_read(self, job_id: str) -> None:
        here = f"/v1/bulk-cancellations/{job_id}"
        await self.get("/v1/bulk-cancellations")
        await self.get("/v1/bulk-cancellations", status="running", limit="1")
        await self.get(here)
        await self.get(f"{here}/sessions")
        page = (await self.get(f"{here}/refunds", limit="2")).json()
        await self.get(f"{here}/refunds", limit="2", cursor=page["next_cursor"])
        one = page["data"][0]
        await self.get(f"{here}/refunds/{one['id']}")
        for name in ("client_id", "session_id"):
            await self.get(f"{here}/refunds", limit="2", **{name: one[name]})
            await self.get(f"{here}/refunds", limit="2", status="rejected", **{name: one[name]})
        for status in RefundStatus:
            await self.get(f"{here}/refunds", status=status)
        await self.get(f"{here}/audit.csv")

    async def refused_ones_are_tried_again_and_closed(self, job_id: str) -> None:
        here = f"/v1/bulk-cancellations/{job_id}"
        refused = (await self.get(f"{here}/refunds", status="rejected")).json()["data"]
        closed = {"resolution": "refunded_elsewhere", "reference": "till"}
        await self.post(f"{here}/refunds/{refused[0]['id']}/resolve", closed)
        await self.upstream.faults()
        await self.post(f"{here}/retry")
        source = inbound_events.InboundSource.PAYMENTS
        await inbound_events.take(
            self.runtime.db, self.runtime.queue, source, event_id="e", reference=refused[1]["id"]
        )
        await self.work(job_id)
        async with asyncio.timeout(10):
            while (await self.get(here)).json()["finished_at"] is None:
                await run_slice(self.runtime, job_id, seconds=0.5)
        await self.get(f"{here}/events")
        await self.get(f"{here}/audit.csv", follow="true")

    async def worker_sweeps_and_checks(self) -> None:
        named = ProvidersRefund("re_1", None)
        await inbound_events.take(
            self.runtime.db,
            self.runtime.queue,
            inbound_events.InboundSource.STRIPE,
            event_id="thin",
            reference=named,
        )
        await recover.due_in(self.runtime)
        await recover.due_jobs(
            self.runtime, limit=10, skip=["00000000-0000-7000-8000-000000000000"]
        )
        async with self.runtime.db.write() as conn:
            # Not the first check ever, which reads all there is.
            await conn.execute(
                sa.update(t.checks).values(due_at=now(), checked_at=now(), violations={})
            )
        await check(self.runtime)


async def pass_by(db: Database, settings: Settings, upstream) -> None:
    """The day of a new business, which nobody has counted yet."""
    async with db.write() as conn:
        await create_business(conn, BUSINESS, name="Day", timezone="UTC", currency="CAD")
    key = await create_key(db, BUSINESS, "desk", Scope)
    queue = LocalQueue()
    app = create_app(settings, database=db, queue=queue)
    headers = {"Authorization": f"Bearer {key}"}
    calls = gateways(
        settings, payments_url=f"{upstream.url}/payments", credits_url=f"{upstream.url}/credits"
    )
    runtime = Runtime(db, queue, calls, settings, jitter=lambda: 0.0)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://day.test", headers=headers
    ) as http:
        await Day(http, runtime, upstream).pass_by()
    await runtime.aclose()


def _records():
    yield {"type": "client", "id": "c", "name": "Kim", "email": "kim@example.org"}
    for n in range(SESSIONS):
        times = {
            "starts_at": f"{FIRST_DAY}T{9 + n:02}:00:00Z",
            "ends_at": f"{FIRST_DAY}T{10 + n:02}:00:00Z",
        }
        yield {"type": "session", "id": f"s{n}", "name": "Yoga", "timezone": "UTC"} | times
    for n in range(SESSIONS * BOOKINGS_EACH):
        paid = {"method": "payment", "payment_id": f"b{n}", "amount_minor": 2000, "currency": "CAD"}
        if n % 3 == 0:
            paid = {"method": "credit", "account_id": "a", "credits": 1}
        booked = {
            "session_id": f"s{n % SESSIONS}",
            "client_id": "c",
            "status": "booked",
            "payments": [paid],
        }
        yield {"type": "booking", "id": f"b{n}"} | booked
