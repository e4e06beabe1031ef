"""What the console asks first, and what it follows a job by."""

import asyncio
import json

import httpx
import pytest
from worlds.queue import Unheard
from worlds.studio import calling, open_business

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.domain.zones import RULES
from app.main import create_app
from app.refunds.runtime import Runtime, gateways
from app.refunds.slices.run import run_slice
from app.serving import served


@pytest.fixture
def app(db):
    return create_app(Settings(), database=db, queue=Unheard())


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
class TestWithABusiness:
    """What the console asks first, and what it follows a job by."""

    @pytest.fixture
    def database_url(self, request):
        return request.getfixturevalue(f"{request.param}_url")

    async def test_a_key_is_told_whose_it_is_and_what_it_may_do(self, app, db):
        await open_business(db, "studio", "America/Toronto", "JPY")
        await open_business(db, "tokyo", "Asia/Tokyo", "JPY")
        for business, zone, scopes in (
            ("studio", "America/Toronto", list(Scope)),
            ("studio", "America/Toronto", [Scope.SCHEDULE_READ]),
            ("tokyo", "Asia/Tokyo", [Scope.CANCELLATIONS_READ, Scope.SCHEDULE_READ]),
        ):
            key = await create_key(db, business, "desk", scopes)
            async with calling(app, Authorization=f"Bearer {key}") as http:
                answer = await http.get("/v1/business")
            assert answer.status_code == 200
            assert answer.json() == {
                "id": business,
                "name": business.title(),
                "timezone": zone,
                "timezone_known": True,
                "currency": "JPY",
                "language": "en",
                "hour_cycle": None,
                "key": {"name": "desk", "scopes": sorted(scopes), "locations": None},
                "test_mode": False,
                "tzdata": {"release": RULES.release, "source": RULES.source},
            }
            assert answer.headers["Cache-Control"] == "no-store"

    async def test_nobody_is_told_without_a_key_in_force(self, app, db):
        await open_business(db, "studio", "America/Toronto", "JPY")
        for authorization in (None, "Bearer bck_x_y", "Bearer "):
            async with calling(
                app, **({"Authorization": authorization} if authorization else {})
            ) as http:
                answer = await http.get("/v1/business")
            assert answer.status_code == 401, authorization
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Studio" not in answer.text

    async def test_a_key_that_may_do_little_is_told_whose_it_is_and_what_it_may_do(self, app, db):
        await open_business(db, "studio", "America/Toronto", "JPY")
        other = await create_key(db, "studio", "refunds", [Scope.CANCELLATIONS_READ])
        async with calling(app, Authorization=f"Bearer {other}") as http:
            answer = await http.get("/v1/business")
        assert (answer.status_code, answer.json()["key"]["scopes"]) == (200, ["cancellations:read"])

    async def test_events_without_refunds_tell_how_the_job_stands_have_no_ids_and_end_with_it(
        self, app, db, upstream_sandbox
    ):
        key = await open_business(db, "studio", "America/Toronto", "JPY")
        stranger = await open_business(db, "tokyo", "Asia/Tokyo", "JPY")
        settings = Settings(upstream_timeout_seconds=2, upstream_quiescence_seconds=0)
        at = upstream_sandbox.url
        upstreams = gateways(settings, payments_url=f"{at}/payments", credits_url=f"{at}/credits")
        runtime = Runtime(db, Unheard(), upstreams, settings, jitter=lambda: 0.0)
        async with (
            served(app) as address,
            _live(address, key) as http,
            _live(address, stranger) as theirs,
        ):
            job = await _cancelled(http)
            path = f"/v1/bulk-cancellations/{job}/events?refunds=false"
            assert (await theirs.get(path)).status_code == 404
            async with http.stream("GET", path) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                assert answer.headers["Cache-Control"] == "no-store, no-transform"
                events = _events(answer)
                name, first = await asyncio.wait_for(anext(events), 10)
                assert (name, first["status"], first["id"]) == ("progress", "queued", job)
                while await run_slice(runtime, job, seconds=5) is not None:
                    pass
                rest = await asyncio.wait_for(_all(events), 20)
            assert {name for name, _ in rest[:-1]} <= {"progress"}
            now = (await http.get(f"/v1/bulk-cancellations/{job}")).json()
            assert rest[-1] == ("done", now)
            assert now["refunds"]["succeeded"]["count"] == 3
            # Whoever comes back, with whatever id of another stream, is told how it stands now.
            for last in ("0", "2", "999999", "nonsense"):
                async with http.stream("GET", path, headers={"Last-Event-ID": last}) as answer:
                    assert answer.status_code == 200
                    assert await asyncio.wait_for(_all(_events(answer)), 20) == [("done", now)]
            await runtime.aclose()


def _live(address: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, verify=False, timeout=20
    )


async def _cancelled(http: httpx.AsyncClient) -> str:
    """A session with three bookings, and its cancellation."""
    times = {"starts_at": "2098-11-24T09:00:00Z", "ends_at": "2098-11-24T10:00:00Z"}
    assert (await http.put("/v1/sessions/s1", json={"name": "Yoga"} | times)).status_code == 201
    records = [{"type": "client", "id": "kim", "name": "Kim Li"}]
    for number in range(3):
        payment = {
            "method": "payment",
            "payment_id": f"pay-{number}",
            "amount_minor": 500,
            "currency": "JPY",
        }
        names = {"id": f"b{number}", "session_id": "s1", "client_id": "kim"}
        records.append({"type": "booking", "status": "booked", "payments": [payment]} | names)
    lines = "\n".join(json.dumps(record) for record in records)
    headers = {"Content-Type": "application/x-ndjson"}
    imported = await http.post("/v1/schedule/import", content=lines, headers=headers)
    assert imported.json()["errors"] == 0, imported.text
    body = {"date_from": "2098-11-24", "date_to": "2098-11-24", "session_ids": ["s1"]}
    answer = await http.post(
        "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "once"}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def _events(answer: httpx.Response):
    """(name, data) of each event; one with an id fails."""
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value
        elif not line and event:
            assert event.keys() == {"event", "data"}
            yield event["event"], json.loads(event["data"])
            event = {}


async def _all(events) -> list:
    return [event async for event in events]
