"""A studio with a key, its API over ASGI, and cancellations written as the pipeline writes them."""

import datetime as dt
from dataclasses import dataclass

import httpx
import orjson
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db import tables
from app.db.access import businesses
from app.db.core.engine import Database
from app.main import create_app
from app.queue import LocalQueue

JOB = "019aab00-0000-7000-8000-0000000000aa"
CANCELLED_AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
NDJSON = {"Content-Type": "application/x-ndjson"}
IMPORT_LIMIT_BYTES = 1024 * 1024


@dataclass
class Studio:
    db: Database
    http: httpx.AsyncClient
    app: FastAPI
    id: str = "studio"

    async def put_session(self, id_="s1", **changes):
        body = {
            "name": "Lane Swim",
            "starts_at": "2026-11-23T07:00:00-05:00",
            "ends_at": "2026-11-23T08:00:00-05:00",
        }
        return await self.http.put(f"/v1/sessions/{id_}", json=body | changes)

    async def put_booking(self, id_="b1", **changes):
        body = {"session_id": "s1", "client_id": "c1", "status": "booked", "payments": []}
        return await self.http.put(f"/v1/bookings/{id_}", json=body | changes)

    async def get(self, path, **params):
        answer = await self.http.get(f"/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, *records, **headers):
        lines = [
            record if isinstance(record, bytes) else orjson.dumps(record) for record in records
        ]
        return await self.http.post(
            "/v1/schedule/import", content=b"\n".join(lines), headers=NDJSON | headers
        )

    async def load(self, *records):
        answer = await self.send(*records)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def cancel(self, *session_ids, conn=None, status="running"):
        if conn is None:
            async with self.db.write() as own:
                await cancel(own, self.id, session_ids, status)
        else:
            await cancel(conn, self.id, session_ids, status)


async def cancel(conn, business_id, session_ids, status):
    over = status.startswith("completed")
    job = {
        "id": JOB,
        "business_id": business_id,
        "idempotency_key": "k",
        "request_fingerprint": "f",
        "status": status,
        "date_from": dt.date(2026, 11, 23),
        "date_to": dt.date(2026, 11, 29),
        "reason": "Snow day",
        "include_attended": False,
        "requested_by": "key:front desk",
        "requested_at": CANCELLED_AT,
        "due_at": None if over else CANCELLED_AT,
        "accepted_sessions": len(session_ids),
        "totals": {},
    }
    chosen = sorted(session_ids)
    await conn.execute(
        sa.select(tables.sessions.c.id)
        .where(tables.sessions.c.business_id == business_id, tables.sessions.c.id.in_(chosen))
        .order_by(tables.sessions.c.id)
        .with_for_update()
    )
    await conn.execute(sa.insert(tables.jobs).values(job))
    for place, session_id in enumerate(chosen):
        row = {
            "job_id": JOB,
            "session_id": session_id,
            "business_id": business_id,
            "seq": place,
            "position": place,
            "outcome": "accepted",
            "session_name": "Lane Swim",
            "session_starts_at": CANCELLED_AT,
            "session_timezone": "America/Toronto",
        }
        await conn.execute(sa.insert(tables.job_sessions).values(row))
    await conn.execute(
        sa.update(tables.sessions)
        .where(tables.sessions.c.business_id == business_id, tables.sessions.c.id.in_(chosen))
        .values(
            status="cancelled",
            job_id=JOB,
            cancelled_at=CANCELLED_AT,
            revision=tables.sessions.c.revision + 1,
            changed_at=CANCELLED_AT,
        )
    )


def client(id_="c1", **changes):
    return {"type": "client", "id": id_, "name": "Noor Li", "email": "noor@example.org"} | changes


def session(id_="s1", **changes):
    return {
        "type": "session",
        "id": id_,
        "name": "Lane Swim",
        "starts_at": "2026-11-23T07:00:00-05:00",
        "ends_at": "2026-11-23T08:00:00-05:00",
        "timezone": "America/Toronto",
        "location": "Pool",
        "instructor": None,
        "capacity": 12,
    } | changes


def booking(id_="b1", **changes):
    payments = [
        {"method": "payment", "payment_id": f"pay-{id_}", "amount_minor": 2000, "currency": "CAD"}
    ]
    return {
        "type": "booking",
        "id": id_,
        "session_id": "s1",
        "client_id": "c1",
        "status": "booked",
        "payments": payments,
    } | changes


@pytest.fixture
def a_client():
    return client


@pytest.fixture
def a_session():
    return session


@pytest.fixture
def a_booking():
    return booking


async def studio_on(db, stack_of_clients):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "The Studio", "America/Toronto", "CAD")
    key = await create_key(db, "studio", "front desk", Scope)
    settings = Settings(
        import_limit_bytes=IMPORT_LIMIT_BYTES, payments_url="sandbox", credits_url="sandbox"
    )
    app = create_app(settings, database=db, queue=LocalQueue())
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"Authorization": f"Bearer {key}"},
    )
    stack_of_clients.append(http)
    return Studio(db, http, app)


@pytest.fixture
async def studio(db):
    clients = []
    yield await studio_on(db, clients)
    for http in clients:
        await http.aclose()


@pytest.fixture
async def postgresql_studio(postgresql_url):
    db = Database(postgresql_url)
    clients = []
    yield await studio_on(db, clients)
    for http in clients:
        await http.aclose()
    await db.close()
