import datetime as dt

import pytest

from app.domain.days import week_of
from app.domain.zones import zone_of


def ids(answer):
    return [one["id"] for one in answer["data"]]


async def test_a_session_is_created_then_replaced_and_reads_as_it_was_put(studio):
    created = await studio.put_session(location="Pool", capacity=12)
    assert created.status_code == 201
    assert created.json() == {
        "id": "s1",
        "name": "Lane Swim",
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
        "instructor": None,
        "capacity": 12,
        "booked": 0,
        "status": "scheduled",
        "cancellation": None,
    }
    replaced = await studio.put_session(name="Aqua Fit", id="s1")
    assert replaced.status_code == 200
    assert (replaced.json()["name"], replaced.json()["location"]) == ("Aqua Fit", None)
    assert await studio.get("/sessions/s1") == replaced.json()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": "s2"}, "/id"),
        ({"status": "gone"}, "/status"),
        ({"timezone": "Toronto"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"timezone": "EST5EDT"}, "/timezone"),
        ({"timezone": "Factory"}, "/timezone"),
        ({"timezone": "posix/America/Toronto"}, "/timezone"),
        ({"ends_at": "2026-11-23T07:00:00-05:00"}, "/ends_at"),
        ({"starts_at": 1795435200}, "/starts_at"),
        ({"starts_at": "20261123"}, "/starts_at"),
        ({"starts_at": "2026-11-23T07:00:00"}, "/starts_at"),
        ({"starts_at": "1999-11-23T07:00:00Z"}, "/starts_at"),
        ({"starts_at": "2000-01-01T00:00:00+23:59", "ends_at": "2101-01-01T00:00:00Z"}, "/ends_at"),
        ({"capacity": -1}, "/capacity"),
        ({"capacity": 1.0}, "/capacity"),
        ({"capacity": True}, "/capacity"),
        ({"name": 5}, "/name"),
        ({"location": ["Pool"]}, "/location"),
    ],
)
async def test_a_session_that_is_not_right_is_refused_by_field_and_nothing_is_stored(
    studio, changes, pointer
):
    refused = await studio.put_session(**changes)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert (await studio.http.get("/v1/sessions/s1")).status_code == 404


async def test_a_cancelled_session_may_be_described_anew_and_stays_cancelled(studio):
    await studio.put_session()
    await studio.cancel("s1")
    answer = await studio.put_session(name="Aqua Fit")
    assert answer.status_code == 200
    assert answer.json()["name"] == "Aqua Fit"
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["cancellation"] == {
        "job_id": "019aab00-0000-7000-8000-0000000000aa",
        "in_process": True,
        "cancelled_at": "2026-11-20T12:00:00.000Z",
        "reason": "Snow day",
    }


async def test_a_cancellation_is_no_longer_in_process_when_its_job_is_over(studio):
    await studio.put_session()
    await studio.cancel("s1", status="completed_with_failures")
    assert (await studio.get("/sessions/s1"))["cancellation"]["in_process"] is False


async def test_sessions_come_in_start_order_page_by_page_each_once(studio, a_session):
    starts = [
        "2026-11-24T10:00:00Z",
        "2026-11-23T10:00:00Z",
        "2026-11-23T10:00:00Z",
        "2026-11-29T10:00:00Z",
    ]
    records = [
        a_session(f"s{n}", starts_at=start, ends_at=start.replace("T10", "T11"))
        for n, start in enumerate(starts)
    ]
    await studio.load(*records)
    seen, cursor = [], None
    for _ in range(4):
        page = await studio.get(
            "/sessions", date_from="2026-11-23", limit=1, **({"cursor": cursor} if cursor else {})
        )
        seen += ids(page)
        cursor = page["next_cursor"]
    assert seen == ["s1", "s2", "s0", "s3"]
    assert cursor is None
    assert (page["date_from"], page["date_to"], page["timezone"]) == (
        "2026-11-23",
        "2026-11-29",
        "America/Toronto",
    )


@pytest.mark.parametrize(
    ("change_day", "before", "first", "last", "after"),
    [
        (
            "2026-03-08",
            "2026-03-08T04:59:59Z",
            "2026-03-08T05:00:00Z",
            "2026-03-09T03:59:59Z",
            "2026-03-09T04:00:00Z",
        ),
        (
            "2026-11-01",
            "2026-11-01T03:59:59Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T04:59:59Z",
            "2026-11-02T05:00:00Z",
        ),
    ],
)
async def test_a_day_on_which_the_clocks_change_holds_what_starts_in_it(
    studio, a_session, change_day, before, first, last, after
):
    await studio.load(
        *(
            a_session(id_, starts_at=start, ends_at="2026-12-31T00:00:00Z")
            for id_, start in (
                ("before", before),
                ("first", first),
                ("last", last),
                ("after", after),
            )
        )
    )
    assert ids(await studio.get("/sessions", date_from=change_day, date_to=change_day)) == [
        "first",
        "last",
    ]


async def test_with_no_dates_the_business_sees_its_current_week(studio):
    answer = await studio.get("/sessions")
    days = week_of(dt.datetime.now(dt.UTC), zone_of("America/Toronto"))
    assert (answer["date_from"], answer["date_to"]) == (str(days.date_from), str(days.date_to))


async def test_filters_narrow_the_list_together(studio, a_session):
    await studio.load(
        a_session("s1", name="Lane Swim 100%", location="Pool", instructor="Bo"),
        a_session("s2", name="lane swim", location="Pool", instructor="Mei"),
        a_session("s3", name="Chess", location="Hall", instructor="Bo"),
    )
    await studio.cancel("s3")
    week = {"date_from": "2026-11-23"}
    assert ids(await studio.get("/sessions", **week, q="SWIM")) == ["s1", "s2"]
    assert ids(await studio.get("/sessions", **week, q="0%")) == ["s1"]
    assert ids(await studio.get("/sessions", **week, q="_ane")) == []
    assert ids(await studio.get("/sessions", **week, instructor="Bo")) == ["s1", "s3"]
    assert ids(await studio.get("/sessions", **week, instructor="Bo", location="Pool")) == ["s1"]
    assert ids(await studio.get("/sessions", **week, status="cancelled")) == ["s3"]


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"date_from": "20260105"}, ["?date_from"]),
        ({"date_from": "1767571200", "date_to": "\0"}, ["?date_from", "?date_to"]),
        ({"date_from": "2026-01-02", "date_to": "2026-01-01"}, ["?date_to"]),
        ({"date_from": "2026-01-01", "date_to": "2027-01-02"}, ["?date_to"]),
        ({"limit": "0"}, ["?limit"]),
        ({"limit": "201"}, ["?limit"]),
        ({"status": "gone"}, ["?status"]),
        ({"q": "x" * 201}, ["?q"]),
        ({"cursor": "x"}, ["?cursor"]),
        ({"cursor": "\0"}, ["?cursor"]),
        ({"cursor": "WyJub3ctaXNoIiwiczEiXQ"}, ["?cursor"]),
        # This one has a NUL for an id.
        ({"cursor": "WyIyMDI2LTExLTIzVDEyOjAwOjAwLjAwMFoiLCJcdTAwMDAiXQ"}, ["?cursor"]),
    ],
)
async def test_a_query_that_is_not_right_is_refused_by_parameter(studio, query, pointers):
    refused = await studio.http.get("/v1/sessions", params=query)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers


async def test_only_bookings_that_take_a_place_are_counted(studio, a_client, a_session, a_booking):
    await studio.load(
        a_client(),
        a_session(),
        *(
            a_booking(f"b{n}", status=status)
            for n, status in enumerate(
                ["booked", "checked_in", "waitlisted", "cancelled", "booked"]
            )
        ),
    )
    assert (await studio.get("/sessions/s1"))["booked"] == 3
    assert (await studio.get("/sessions", date_from="2026-11-23"))["data"][0]["booked"] == 3


@pytest.mark.parametrize(
    "path", ["/v1/sessions/s%00", "/v1/sessions/none", "/v1/clients/none/bookings"]
)
async def test_what_does_not_exist_or_could_not_is_not_found(studio, path):
    answer = await studio.http.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
