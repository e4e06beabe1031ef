"""A suspended business: nothing new is taken from it, and what it has accepted goes on."""

import httpx
import pytest
from worlds.problems import problem
from worlds.records import booking, session

from app.auth.belief import doubt
from app.auth.keys import create_key
from app.auth.platform import businesses
from app.auth.roles import Scope
from app.db.access import businesses as rows
from app.serving import served

IN_SERVICE = {"suspended_because": None}
SUSPENDED = {"suspended_because": "unpaid"}


@pytest.fixture
async def week(studio):
    """Two classes, each with a booking that was paid by 20 dollars."""
    for name in ("yoga", "boxing"):
        await studio.load(session(name), booking(f"{name}-1", name, ("CAD", 2000)))
    return studio


async def suspended_elsewhere(studio):
    """As another process does it: this one goes on believing whom it has known."""
    async with studio.db.write() as conn:
        await rows.suspend(conn, "studio", "unpaid")


async def test_what_was_accepted_is_given_back_and_nothing_new_is_accepted(week):
    job = await week.accepted(["yoga"])
    await businesses.change(week.db, "studio", SUSPENDED)
    problem(await week.cancel(["boxing"]), 403, "business-suspended")
    await week.work(job["id"])
    assert (await week.books())["sums"] == {"CAD": 2000}
    await businesses.change(week.db, "studio", IN_SERVICE)
    assert (await week.job(job["id"]))["status"] == "completed"
    await week.accepted(["boxing"])


async def test_no_process_accepts_a_cancellation_though_it_still_believes_the_caller(week):
    first = await week.accepted(["yoga"], key="first")
    await suspended_elsewhere(week)
    await week.get("/business")  # it is believed
    before = await week.everything()
    problem(await week.cancel(["boxing"]), 403, "business-suspended")
    assert await week.everything() == before
    assert (await week.accepted(["yoga"], key="first"))["id"] == first["id"]
    doubt(week.db, lambda _: True)  # what was believed is over
    problem(await week.cancel(["yoga"], key="first"), 403, "business-suspended")


async def test_an_open_stream_ends_with_its_business_and_no_other(week, stranger, db):
    job = await week.accepted(["yoga"], hold_seconds=3600)
    app = week.app
    app.state.governor.look_again_seconds = 0.05
    path = f"/v1/bulk-cancellations/{job['id']}/audit.csv?follow=true"
    async with (
        served(app) as address,
        httpx.AsyncClient(base_url=address) as client,
        client.stream("GET", path, headers={"Authorization": f"Bearer {week.key}"}) as answer,
    ):
        lines = answer.aiter_raw()
        await anext(lines)
        await businesses.change(db, "studio", SUSPENDED)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            async for _ in lines:
                pass
        app.state.stopping.set()
    assert (await stranger.http.get("/v1/business")).status_code == 200


async def test_a_key_made_while_it_is_suspended_opens_when_it_is_not(week, db):
    await businesses.change(db, "studio", SUSPENDED)
    key = await create_key(db, "studio", "desk", Scope)
    headers = {"Authorization": f"Bearer {key}"}
    problem(await week.http.get("/v1/business", headers=headers), 403, "business-suspended")
    await businesses.change(db, "studio", IN_SERVICE)
    assert (await week.http.get("/v1/business", headers=headers)).status_code == 200


async def test_a_job_under_way_has_its_own_zone_and_currencies(week):
    job = await week.accepted(["yoga"])
    before = (await week.audit(job["id"])).by_refund()
    await businesses.change(
        week.db, "studio", {"timezone": "Asia/Tokyo", "currency": "JPY", "name": "Renamed"}
    )
    await week.work(job["id"])
    after = await week.audit(job["id"])
    assert (await week.books())["sums"] == {"CAD": 2000}
    assert after.statuses() == {"succeeded": 1}
    for name in ("session_starts_local", "timezone", "currency", "amount", "refund_id"):
        assert {line[name] for line in before.values()} <= {line[name] for line in after}, name
    assert (await week.job(job["id"]))["status"] == "completed"
