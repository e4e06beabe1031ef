"""Countries that stopped changing clocks in 2026: each answer goes by the newer release's rules.

`tests/acceptance/test_zone_rules.py` runs these once more with the machine's zone files at 2025b.
"""

import csv
import io

import icalendar
import pytest

from app.auth.keys import Scope, create_key
from app.db.access import businesses

# 7 December 2026, 07:15 UTC: by 2026f, and by 2025b an hour before (Casablanca: after).
INSTANT = "2026-12-07T07:15:00Z"
CLOCKS = {
    "America/Vancouver": ("2026-12-07T00:15:00", "-07:00"),
    "America/Edmonton": ("2026-12-07T01:15:00", "-06:00"),
    "America/Winnipeg": ("2026-12-07T02:15:00", "-05:00"),
    "America/Havana": ("2026-12-07T03:15:00", "-04:00"),
    "Africa/Casablanca": ("2026-12-07T07:15:00", "+00:00"),
}


@pytest.mark.parametrize("zone", CLOCKS)
async def test_list_plan_job_and_feed_agree_to_the_minute(
    studio, a_client, a_session, a_booking, zone
):
    starts_local, utc_offset = CLOCKS[zone]
    async with studio.db.write() as conn:
        await businesses.create(conn, "theirs", "Theirs", zone, "CAD")
    studio.http.headers["Authorization"] = (
        f"Bearer {await create_key(studio.db, 'theirs', 'desk', Scope)}"
    )
    times = {"starts_at": INSTANT, "ends_at": "2026-12-07T08:15:00Z"}
    await studio.load(a_client(), a_session("s1", timezone=zone, **times), a_booking())
    day = {"date_from": starts_local[:10], "date_to": starts_local[:10]}
    chosen = {**day, "session_ids": "all"}
    once = {"Idempotency-Key": "k"}

    (listed,) = (await studio.get("/sessions", **day))["data"]
    (public,) = (await studio.get("/public/theirs/schedule", **day))["data"]
    plan = (await studio.http.post("/v1/bulk-cancellations/plan", json=chosen)).json()
    (planned,) = plan["sessions"]
    feed = await studio.http.get("/v1/public/theirs/schedule.ics", params=day)
    job = (await studio.http.post("/v1/bulk-cancellations", json=chosen, headers=once)).json()
    (cancelled,) = (await studio.get(f"/bulk-cancellations/{job['id']}/sessions"))["data"]

    csv_of_202 = await studio.http.post(
        "/v1/bulk-cancellations", json=chosen, headers=once | {"Accept": "text/csv"}
    )
    csv_now = await studio.http.get(f"/v1/bulk-cancellations/{job['id']}/audit.csv")
    for answer in (csv_of_202, csv_now):
        lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert {(line["session_starts_local"], line["timezone"]) for line in lines} == {
            (starts_local, zone)
        }

    for shown in (listed, public, planned, cancelled):
        assert (shown["starts_local"], shown["utc_offset"]) == (starts_local, utc_offset)
        assert (shown["business_starts_local"], shown["business_date"]) == (
            starts_local,
            day["date_from"],
        )
    # In UTC: a calendar with older rules of its own still has the right instant.
    (event,) = icalendar.Calendar.from_ical(feed.content).walk("VEVENT")
    assert event["DTSTART"].to_ical() == b"20261207T071500Z"


async def test_a_day_s_edges_are_by_the_newer_rules(studio, a_session):
    async with studio.db.write() as conn:
        await businesses.create(conn, "theirs", "Theirs", "America/Vancouver", "CAD")
    studio.http.headers["Authorization"] = (
        f"Bearer {await create_key(studio.db, 'theirs', 'desk', Scope)}"
    )
    starts = {
        "before": "06:59:59",
        "first": "07:00:00",
        "last": "2026-12-08T06:59:59Z",
        "after": "2026-12-08T07:00:00Z",
    }
    for id_, start in starts.items():
        at = start if "T" in start else f"2026-12-07T{start}Z"
        await studio.load(
            a_session(
                id_, timezone="America/Vancouver", starts_at=at, ends_at="2026-12-09T00:00:00Z"
            )
        )
    listed = await studio.get("/sessions", date_from="2026-12-07", date_to="2026-12-07")
    assert [one["id"] for one in listed["data"]] == ["first", "last"]
    assert {one["business_date"] for one in listed["data"]} == {"2026-12-07"}
