"""A day of a studio in which it writes to every table beside a parent."""

import asyncio

from worlds.office import NOWHERE, Office
from worlds.patience import PATIENCE_SECONDS
from worlds.records import booking, client, session
from worlds.studio import calling

from app.refunds.slices.run import run_slice

TERMS = {
    "choice": {"within_hours": 48, "bonus_percent": 10},
    "goodwill": {"credits": 2, "for": ["membership"]},
}


async def live_through(studio):
    """A day in which the studio writes to each table beside a parent; the job's id."""
    office = Office(studio.http, studio.db, studio.runtime.settings)
    endpoint = await office.endpoint(NOWHERE)
    await studio.load(
        client("lee"),
        session("yoga", starts_in_hours=24),
        booking("card", "yoga", ("CAD", 2000)),
        booking("left", "yoga", ("CAD", 700), client_id="lee"),
        booking("member", "yoga", client_id="lee"),
    )
    job = await studio.accepted(
        ["yoga"],
        terms=TERMS,
        overrides=[{"booking_id": "left", "action": "skip", "note": "As agreed."}],
    )
    await run_slice(studio.runtime, job["id"], seconds=5)
    (asked,) = await studio.pages(f"/bulk-cancellations/{job['id']}/choices")
    async with calling(studio.app) as anybody:
        token = asked["link"].removeprefix("/choose/")
        chosen = await anybody.post(f"/v1/choices/{token}", json={"form": "store_credit"})
    assert chosen.status_code == 200, chosen.text
    await studio.work(job["id"])
    headers = {"Idempotency-Key": "till"}
    key = {"name": "till", "role": "front_desk"}
    made = await studio.http.post("/v1/keys", json=key, headers=headers)
    assert made.status_code == 201, made.text
    rotated = await studio.post(f"/keys/{made.json()['id']}/rotate", overlap_seconds=3600)
    assert rotated.status_code == 200, rotated.text
    async with office.worker(), asyncio.timeout(PATIENCE_SECONDS):
        while not await _tried(office, endpoint):  # noqa: ASYNC110 - an API has no event
            await asyncio.sleep(0.05)
    return job["id"]


async def _tried(office, endpoint):
    """Whether each event has had its first try."""
    heard = await office.deliveries(endpoint)
    details = [await office.delivery(endpoint, event_id) for event_id in heard]
    return all(one["attempts"] for one in details)
