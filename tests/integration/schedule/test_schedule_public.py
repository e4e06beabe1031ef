import datetime as dt

import icalendar
import pytest


@pytest.fixture
async def shown(studio, a_client, a_session, a_booking):
    await studio.load(
        a_client(),
        a_session("s1", name="Swim, slowly; really", instructor="Bo"),
        a_session("s2", name="Chess"),
        a_booking(),
    )
    await studio.cancel("s1")
    studio.http.headers.pop("Authorization")
    return studio


async def test_anybody_sees_the_schedule_without_people_or_jobs(shown):
    answer = await shown.http.get("/v1/public/studio/schedule", params={"date_from": "2026-11-23"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    page = answer.json()
    assert (page["business"], page["timezone"], page["date_to"]) == (
        "The Studio",
        "America/Toronto",
        "2026-11-29",
    )
    assert page["data"][0] == {
        "id": "s1",
        "name": "Swim, slowly; really",
        "starts_at": "2026-11-23T12:00:00.000Z",
        "ends_at": "2026-11-23T13:00:00.000Z",
        "timezone": "America/Toronto",
        "timezone_known": True,
        "local_date": "2026-11-23",
        "starts_local": "2026-11-23T07:00:00",
        "ends_local": "2026-11-23T08:00:00",
        "utc_offset": "-05:00",
        "business_date": "2026-11-23",
        "business_starts_local": "2026-11-23T07:00:00",
        "business_ends_local": "2026-11-23T08:00:00",
        "location": "Pool",
        "instructor": "Bo",
        "status": "cancelled",
        "cancellation": {
            "cancelled_at": "2026-11-20T12:00:00.000Z",
            "reason": "Snow day",
            "returns_all": False,
        },
    }
    assert page["data"][1]["cancellation"] is None
    assert page["page"] == {"colour": None, "on_colour": None, "logo": None}
    for secret in ("Noor", "example.org", "c1", "019aab00", "pay-"):
        assert secret not in answer.text


async def test_the_public_schedule_comes_in_pages(shown):
    first = await shown.get("/public/studio/schedule", date_from="2026-11-23", limit=1)
    second = await shown.get(
        "/public/studio/schedule", date_from="2026-11-23", limit=1, cursor=first["next_cursor"]
    )
    assert [first["data"][0]["id"], second["data"][0]["id"]] == ["s1", "s2"]
    assert second["next_cursor"] is None


async def test_the_feed_marks_a_cancelled_session_so(shown):
    answer = await shown.http.get(
        "/v1/public/studio/schedule.ics", params={"date_from": "2026-11-23"}
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    feed = icalendar.Calendar.from_ical(answer.content)
    assert feed["X-WR-CALNAME"] == "The Studio"
    cancelled, held = feed.walk("VEVENT")
    assert (cancelled["UID"], cancelled["STATUS"], cancelled["SEQUENCE"]) == (
        "s1@studio",
        "CANCELLED",
        1,
    )
    assert (held["UID"], held["STATUS"], held["SEQUENCE"]) == ("s2@studio", "CONFIRMED", 0)
    assert (cancelled["SUMMARY"], held["SUMMARY"]) == ("Cancelled: Swim, slowly; really", "Chess")
    assert (cancelled["TRANSP"], "TRANSP" in held) == ("TRANSPARENT", False)
    assert {event["URL"] for event in (cancelled, held)} == {"http://test/c/studio"}
    assert (cancelled["LAST-MODIFIED"].dt, "LAST-MODIFIED" in held) == (
        dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC),
        True,
    )
    assert cancelled["DESCRIPTION"] == "With Bo. Cancelled: Snow day"
    assert b"DTSTART:20261123T120000Z\r\n" in answer.content
    for secret in (b"Noor", b"example.org", b"019aab00"):
        assert secret not in answer.content


async def test_the_feed_is_not_sent_again_until_it_changes(shown, db):
    path = "/v1/public/studio/schedule.ics?date_from=2026-11-23"
    first = await shown.http.get(path)
    unchanged = await shown.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    other_days = await shown.http.get(
        "/v1/public/studio/schedule.ics?date_from=2026-10-23",
        headers={"If-None-Match": first.headers["ETag"]},
    )
    assert other_days.status_code == 200


@pytest.mark.parametrize("end", ["schedule", "schedule.ics"])
async def test_an_unknown_business_is_not_found_and_a_bad_date_refused(shown, end):
    unknown = await shown.http.get(f"/v1/public/nobody/{end}")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/not-found")
    refused = await shown.http.get(f"/v1/public/studio/{end}", params={"date_from": "20260105"})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["?date_from"]
