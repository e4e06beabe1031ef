"""The calendar feed over time: revisions that only grow, and what a feed keeps if not all fits."""

import datetime as dt

import icalendar
import pytest
import sqlalchemy as sa

from app.db import tables

WEEK = {"date_from": "2026-11-23", "date_to": "2026-11-29"}
STARTS = {"starts_at": "2026-11-23T07:00:00-05:00", "ends_at": "2026-11-23T08:00:00-05:00"}


@pytest.fixture
def event(studio):
    async def of(id_="s1", **days):
        answer = await studio.http.get("/v1/public/studio/schedule.ics", params=days or WEEK)
        assert answer.status_code == 200, answer.text
        events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
        (one,) = [one for one in events if one["UID"] == f"{id_}@studio"]
        return one

    return of


async def cancelled(studio, key, **members):
    body = {**WEEK, "session_ids": ["s1"]} | members
    answer = await studio.http.post(
        "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def test_each_change_that_calendars_show_is_a_revision_and_the_count_only_grows(
    studio, a_session, event
):
    seen, modified = [], []

    async def look():
        one = await event()
        seen.append((one["SEQUENCE"], one["STATUS"]))
        modified.append(one["LAST-MODIFIED"].dt)

    await studio.load(a_session())
    await look()
    await studio.load(a_session())  # the same again
    await look()
    # It is moved.
    await studio.put_session(
        starts_at="2026-11-24T07:00:00-05:00", ends_at="2026-11-24T08:30:00-05:00"
    )
    await look()
    await studio.load(a_session(name="Aqua Fit"))  # and back, renamed, by an import
    await look()
    await studio.load(a_session(name="Aqua Fit", location="Lake"))
    await look()
    await studio.load(a_session(name="Aqua Fit", location=None))
    await look()
    job = await cancelled(studio, "first", hold_seconds=600)
    await look()
    # A cancelled one is described anew.
    await studio.put_session(name="Aqua Fit", location="Pool", **STARTS)
    await look()
    assert (await studio.http.post(f"/v1/bulk-cancellations/{job}/withdraw")).status_code == 200
    await look()
    await cancelled(studio, "second")
    await look()
    assert seen == [
        (0, "CONFIRMED"),
        (0, "CONFIRMED"),
        (1, "CONFIRMED"),
        (2, "CONFIRMED"),
        (3, "CONFIRMED"),
        (4, "CONFIRMED"),
        (5, "CANCELLED"),
        (6, "CANCELLED"),
        (7, "CONFIRMED"),
        (8, "CANCELLED"),
    ]
    assert modified == sorted(modified)
    assert modified[0] == modified[1]


async def test_a_session_made_anew_goes_on_from_the_revision_that_calendars_know(
    studio, a_session, event
):
    seen = []

    async def look():
        one = await event()
        seen.append((one["SEQUENCE"], one["STATUS"]))

    async def delete():
        assert (await studio.http.delete("/v1/sessions/s1")).status_code == 204

    await studio.load(a_session("s1", status="cancelled"), a_session("s2"))
    await look()
    await delete()
    await studio.load(a_session("s2"))  # others come and go on meanwhile
    await studio.load(a_session("s1"))
    await look()
    await studio.load(a_session("s1", name="Aqua Fit"))
    await look()
    await delete()
    assert (await studio.put_session("s1", **STARTS, status="cancelled")).status_code == 201
    await look()
    await delete()
    await studio.load(a_session("s1"), a_session("s1", name="Twice in a file"))
    await look()
    assert seen == [
        (1, "CANCELLED"),
        (2, "CONFIRMED"),
        (3, "CONFIRMED"),
        (5, "CANCELLED"),
        (6, "CONFIRMED"),
    ]
    assert (await event("s2"))["SEQUENCE"] == 0


async def test_what_calendars_do_not_show_is_no_revision(studio, a_session, event):
    await studio.load(a_session())
    await studio.load(a_session(capacity=30, instructor="Bo"))
    assert (await event())["SEQUENCE"] == 0
    assert (await event())["DESCRIPTION"] == "With Bo."


async def test_a_session_that_the_platform_cancels_and_schedules_again_is_revised_each_time(
    studio, a_session, event
):
    seen = []
    for status in ("scheduled", "cancelled", "cancelled", "scheduled"):
        await studio.load(a_session(status=status))
        one = await event()
        seen.append((one["SEQUENCE"], one["STATUS"], one["SUMMARY"]))
    off = (1, "CANCELLED", "Cancelled: Lane Swim")
    assert seen == [(0, "CONFIRMED", "Lane Swim"), off, off, (2, "CONFIRMED", "Lane Swim")]


async def test_a_session_of_a_build_that_does_not_say_when_it_changed_still_says_something(
    studio, a_session, event, db
):
    await studio.load(a_session())
    async with db.write() as conn:
        await conn.execute(sa.update(tables.sessions).values(changed_at=None))
    assert (await event())["LAST-MODIFIED"].dt == (await event())["DTSTAMP"].dt


@pytest.fixture
def small_feeds(monkeypatch):
    monkeypatch.setattr("app.schedule.ical.MAX_EVENTS", 4)


async def test_a_feed_that_is_cut_keeps_what_is_ahead_and_then_the_latest_past_and_says_so(
    studio, a_session, small_feeds
):
    def day(offset):
        start = dt.datetime.now(dt.UTC).replace(
            hour=17, minute=0, second=0, microsecond=0
        ) + dt.timedelta(days=offset)
        return {
            "starts_at": start.isoformat(),
            "ends_at": (start + dt.timedelta(hours=1)).isoformat(),
        }

    async def feed():
        answer = await studio.http.get("/v1/public/studio/schedule.ics")
        calendar = icalendar.Calendar.from_ical(answer.content)
        kept = [str(event["UID"]).split("@")[0] for event in calendar.walk("VEVENT")]
        return kept, answer.headers.get("Calendar-Cut"), "X-WR-CALDESC" in calendar

    await studio.load(
        *(a_session(f"past{n}", **day(-n)) for n in (3, 4)),
        *(a_session(f"next{n}", **day(n)) for n in (2, 3)),
    )
    assert await feed() == (["past4", "past3", "next2", "next3"], None, False)
    await studio.load(a_session("past2", **day(-2)))
    assert await feed() == (["past3", "past2", "next2", "next3"], "true", True)
    await studio.load(*(a_session(f"next{n}", **day(n)) for n in (4, 5, 6)))
    assert await feed() == (["next2", "next3", "next4", "next5"], "true", True)
