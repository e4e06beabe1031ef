"""Asks the whole API, on a real socket, for anything that its own document does not promise."""

import asyncio
import contextlib
import datetime as dt
import json
import os
from dataclasses import dataclass

import httpx
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal

from app.auth import Scope, create_key
from app.cancellation.run import run_slice
from app.cancellation.runtime import Runtime, gateways
from app.config import Settings
from app.db.businesses import create as create_business
from app.db.engine import Database
from app.main import create_app
from app.sandbox.app import create_sandbox
from app.serving import served

MOST_EXAMPLES = int(os.environ.get("BULK_CANCEL_FUZZ_EXAMPLES", "20"))
LONGEST_ANSWER_SECONDS = 5
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
RANGE = {"date_from": str(NOW.date() - dt.timedelta(days=3)), "date_to": str(NOW.date() + dt.timedelta(days=30))}


class Unheard:
    """A queue whose wakes nobody hears: jobs rest where the requests leave them, the same in every run."""

    async def wake(self, job_id, *, after_seconds=0.0):
        return True

    async def aclose(self):
        pass


class StopsWhenAsked(asyncio.Event):
    """To each stream in turn the server is stopping as soon as the stream would wait, so that none goes on."""

    async def wait(self):
        self.set()
        return True

    def is_set(self):
        was_set = super().is_set()
        self.clear()
        return was_set


@dataclass(frozen=True)
class Served:
    """The business as its callers reach it, and ids of what it has."""

    address: str
    key: str
    document: dict
    sessions: list[str]
    bookings: list[str]
    jobs: list[str]
    refunds: list[str]


def records():
    yield {"type": "client", "id": "kim", "name": "Kim Li", "email": "kim@example.org"}
    for n in range(1, 9):
        starts_at = NOW + dt.timedelta(hours=12 * n)
        times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat()}
        place = {"timezone": "America/Toronto", "location": "Hall 1", "instructor": "Ana", "capacity": 12}
        yield {"type": "session", "id": f"s{n}", "name": f"Yoga {n}"} | times | place
        card = {"kind": "payment", "payment_id": f"p{n}", "amount_minor": 2000, "currency": "CAD"}
        credit = {"kind": "credit", "account_id": f"a{n}", "credits": 2}
        for name, payments, status in (
            ("card", [card], "booked"),
            ("split", [card | {"payment_id": f"q{n}"}, credit], "booked"),
            ("free", [], "booked"),
            ("waiting", [], "waitlisted"),
        ):
            names = {"session_id": f"s{n}", "client_id": "kim"}
            yield {"type": "booking", "id": f"{name}-{n}", "status": status, "payments": payments} | names


async def seed(http):
    """Import the schedule; two jobs for the worker and one on hold. Gives their ids."""
    lines = "\n".join(json.dumps(record) for record in records())
    answer = await http.post("/v1/schedule/import", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["errors"]) == (200, 0), answer.text
    jobs = []
    for number, (sessions, hold_seconds) in enumerate(((["s1", "s2"], 0), (["s3"], 0), (["s4"], 86_400))):
        body = RANGE | {"session_ids": sessions, "reason": "Snow day", "hold_seconds": hold_seconds}
        answer = await http.post("/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": f"seed-{number}"})
        assert answer.status_code == 202, answer.text
        jobs.append(answer.json()["id"])
    return jobs


async def settle(db, settings, jobs):
    """Work the jobs to their ends; one payment and one credit line of each session are refused."""
    async with (
        served(create_sandbox()) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as upstream,
    ):
        refused = {"p1": "payment_disputed", "p3": "refund_window_expired", "a2": "account_closed"}
        answer = await upstream.put("/faults", json=dict.fromkeys(("payments", "credits"), {"refuse_ids": refused}))
        assert answer.status_code == 200, answer.text
        calls = gateways(settings, payments_url=f"{address}/payments", credits_url=f"{address}/credits")
        runtime = Runtime(db, Unheard(), calls, settings, jitter=lambda: 0.0)
        for job in jobs:
            while await run_slice(runtime, job, seconds=5) is not None:
                await asyncio.sleep(0.01)
        await runtime.aclose()


@contextlib.asynccontextmanager
async def business(database_url):
    """The API of a business with a schedule, two jobs that have ended and one on hold; no worker runs."""
    settings = Settings(database_url=database_url, upstream_timeout_seconds=2, upstream_quiescence_seconds=0)
    db = Database(database_url)
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD")
    key = await create_key(db, "studio", "front desk", Scope)
    app = create_app(settings, database=db, queue=Unheard())
    app.state.stopping = StopsWhenAsked()
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        served(app, parser="h11") as address,
        httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, verify=False) as http,
    ):
        jobs = await seed(http)
        await settle(db, settings, jobs[:2])
        pages = [await http.get(f"/v1/bulk-cancellations/{job}/refunds") for job in jobs[:2]]
        refunds = [refund for page in pages for refund in page.json()["data"]]
        rejected = [refund["id"] for refund in refunds if refund["status"] == "rejected"]
        assert len(rejected) == 3
        yield Served(
            address,
            key,
            app.openapi(),
            sessions=[f"s{n}" for n in range(1, 9)],
            bookings=["card-1", "split-2", "free-3", "card-4", "split-5", "waiting-6"],
            jobs=jobs,
            refunds=[*rejected, refunds[0]["id"]],
        )
    await db.close()


@pytest.fixture
def api(database_url):
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(business(database_url)) as api:
        yield api


def configured(api, **generation):
    """Schemathesis over the whole document, knowing the ids that exist."""
    known = {
        "session_id": api.sessions,
        "booking_id": api.bookings,
        "client_id": ["kim"],
        "job_id": api.jobs,
        "refund_id": api.refunds,
        "business_id": ["studio"],
        "date": [*RANGE.values(), str(NOW.date())],
    }
    places = {f"path.{name}": name for name in known if name != "date"} | {
        "body.session_ids[*]": "session_id",
        "body.session_id": "session_id",
        "body.client_id": "client_id",
        "body.date_from": "date",
        "body.date_to": "date",
        "query.date_from": "date",
        "query.date_to": "date",
    }
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "base-url": api.address,
            "request-timeout": LONGEST_ANSWER_SECONDS,
            "headers": {"Authorization": f"Bearer {api.key}"},
            "suppress-health-check": ["all"],
            "dictionaries": {name: {"values": values} for name, values in known.items()},
            "parameters": {place: {"dictionary": name, "probability": 0.7} for place, name in places.items()},
            "generation": {"deterministic": True, "database": "none", "no-shrink": True, "max-examples": MOST_EXAMPLES}
            | generation,
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": bool(os.environ.get("COV"))}},
        }
    )
    return schemathesis.openapi.from_dict(api.document, config=config)



def test_explore(api):
    import collections, time
    from schemathesis import engine
    from schemathesis.engine import events
    found, count = {}, {}
    times = collections.Counter()
    for event in engine.from_schema(configured(api)).execute():
        if isinstance(event, events.NonFatalError):
            print("NONFATAL", event.label, event.info.__dict__ if hasattr(event.info,'__dict__') else event.value)
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.SchemaAnalysisWarnings):
            print("WARN", event.warnings)
        if isinstance(event, events.ScenarioFinished):
            times[(event.phase.value)] += event.elapsed_time
            times[(event.phase.value, event.label)] += event.elapsed_time
            c = count.setdefault((event.phase.value, event.label), collections.Counter())
            for case_id, interaction in event.recorder.interactions.items():
                c[interaction.response.status_code if interaction.response else None] += 1
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.status.value == "failure":
                        f = check.failure_info.failure
                        found.setdefault((event.label, check.name, f.message[:120]), (event.recorder.cases[case_id].value.meta.generation.mode, event.recorder.cases[case_id].value.meta.phase.data.description, check.failure_info.code_sample[:700], event.recorder.interactions[case_id].response.content[:400]))
    for k, v in count.items():
        print(k, dict(v), round(times[k],2))
    print({k:v for k,v in times.items() if isinstance(k,str)})
    for k, v in found.items():
        print("=====", k)
        for x in v: print("    ", x)
