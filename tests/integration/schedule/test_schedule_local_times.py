"""Each answer that shows a session shows the same clocks, its own and the business's.

It lists by the latter.
"""

import pytest
import sqlalchemy as sa

from app.db import tables

# A class of Tokyo, 24 hours "early" under the business's day: Tuesday 18:00 in Toronto is Wednesday
# 08:00 there.
TOKYO = {
    "timezone": "Asia/Tokyo",
    "timezone_known": True,
    "local_date": "2027-01-06",
    "starts_local": "2027-01-06T08:00:00",
    "ends_local": "2027-01-06T09:30:00",
    "utc_offset": "+09:00",
    "business_date": "2027-01-05",
    "business_starts_local": "2027-01-05T18:00:00",
    "business_ends_local": "2027-01-05T19:30:00",
}


@pytest.fixture
async def zones(studio, a_client, a_session, a_booking):
    times = {"starts_at": "2027-01-05T23:00:00Z", "ends_at": "2027-01-06T00:30:00Z"}
    await studio.load(a_client(), a_session("s1", timezone="Asia/Tokyo", **times), a_booking())
    return studio


async def test_each_answer_about_a_session_shows_the_same_clocks(zones):
    day = {"date_from": "2027-01-05", "date_to": "2027-01-05"}
    chosen = {**day, "session_ids": ["s1"]}
    (listed,) = (await zones.get("/sessions", **day))["data"]
    (public,) = (await zones.get("/public/studio/schedule", **day))["data"]
    (booking,) = (await zones.get("/clients/c1/bookings"))["data"]
    plan = (await zones.http.post("/v1/bulk-cancellations/plan", json=chosen)).json()
    (planned,) = plan["sessions"]
    job = await zones.http.post(
        "/v1/bulk-cancellations", json=chosen, headers={"Idempotency-Key": "k"}
    )
    (cancelled,) = (await zones.get(f"/bulk-cancellations/{job.json()['id']}/sessions"))["data"]
    for shown in (
        listed,
        await zones.get("/sessions/s1"),
        public,
        booking["session"],
        planned,
        cancelled,
    ):
        assert {name: shown[name] for name in TOKYO} == TOKYO
        assert (shown["starts_at"], shown["ends_at"]) == (
            "2027-01-05T23:00:00.000Z",
            "2027-01-06T00:30:00.000Z",
        )
    day_after = await zones.get("/sessions", date_from="2027-01-06", date_to="2027-01-06")
    assert day_after["data"] == []


async def test_a_zone_that_is_unknown_here_is_said_and_shown_by_the_business_s_clocks(zones, db):
    async with db.write() as conn:
        await conn.execute(sa.update(tables.sessions).values(timezone="Mars/Olympus"))
    shown = await zones.get("/sessions/s1")
    assert (shown["timezone"], shown["timezone_known"]) == ("America/Toronto", False)
    assert (shown["starts_local"], shown["utc_offset"]) == ("2027-01-05T18:00:00", "-05:00")
    assert shown["starts_local"] == shown["business_starts_local"]


async def test_only_names_of_regions_come_in_as_zones(studio, a_session):
    taken = ["UTC", "Etc/UTC", "US/Eastern", "America/Argentina/Buenos_Aires"]
    refused = [
        "localtime",
        "posixrules",
        "Factory",
        "EST5EDT",
        "GMT",
        "Japan",
        "right/America/Toronto",
        "Mars/Base",
    ]
    names = taken + refused
    answer = await studio.load(*(a_session(f"s{n}", timezone=name) for n, name in enumerate(names)))
    assert answer["sessions"]["created"] == len(taken)
    assert [(one["line"], one["pointer"]) for one in answer["first_errors"]] == [
        (number, "/timezone") for number in range(len(taken) + 1, len(names) + 1)
    ]
    assert all("America" not in one["detail"] for one in answer["first_errors"])


async def test_a_session_that_has_a_zone_of_before_still_has_its_hours(studio, a_session, db):
    await studio.load(a_session())
    async with db.write() as conn:
        await conn.execute(sa.update(tables.sessions).values(timezone="EST5EDT"))
    shown = await studio.get("/sessions/s1")
    assert (shown["timezone"], shown["timezone_known"]) == ("EST5EDT", True)
    assert (shown["starts_local"], shown["utc_offset"]) == ("2026-11-23T07:00:00", "-05:00")
