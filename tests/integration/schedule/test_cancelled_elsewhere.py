"""Sessions that the platform cancelled itself: they read so, and no cancellation takes them."""

from worlds.records import NOTHING_DONE

from app.refunds.verify import verify


async def test_a_session_that_the_platform_cancelled_reads_so_and_takes_nobody_in(
    studio, a_client, a_session, a_booking
):
    await studio.load(
        a_client(), a_session(), a_session("s2"), a_booking("b1"), a_booking("b2"), a_booking("b3")
    )
    answer = await studio.load(
        a_session(status="cancelled"),
        a_booking("b1", status="cancelled"),  # what becomes of those in it is the platform's to say
        a_booking("b2", payments=[]),
        a_booking("b3", session_id="s2"),
        a_booking("b4"),
        a_booking("b5", status="waitlisted"),
        a_booking("b6", status="cancelled"),
        a_booking("b1"),  # a place anew
    )
    assert answer["sessions"] == NOTHING_DONE | {"updated": 1}
    assert answer["bookings"] == NOTHING_DONE | {"updated": 3, "created": 1, "frozen": 3}
    assert [note["line"] for note in answer["first_frozen"]] == [5, 6, 8]
    shown = await studio.get("/sessions/s1")
    assert (shown["status"], shown["cancellation"], shown["booked"]) == ("cancelled", None, 1)
    refused = await studio.put_booking("b4")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/session-cancelled")
    assert refused.json()["job_id"] is None
    assert await studio.load(a_session(status="cancelled")) == await studio.load(
        a_session(status="cancelled")
    )
    answer = await studio.load(a_session(status="cancelled"), a_session(), a_booking("b4"))
    assert answer["sessions"] == NOTHING_DONE | {"unchanged": 1, "updated": 1}
    assert answer["bookings"] == NOTHING_DONE | {"created": 1}
    assert (await studio.get("/sessions/s1"))["status"] == "scheduled"


async def test_a_session_comes_in_cancelled_and_its_calendar_says_so(studio, a_session):
    answer = await studio.load(a_session(status="cancelled"), a_session("s2"))
    assert answer["sessions"] == NOTHING_DONE | {"created": 2}
    feed = await studio.http.get(
        "/v1/public/studio/schedule.ics", params={"date_from": "2026-11-23"}
    )
    assert feed.text.count("STATUS:CANCELLED") == feed.text.count("STATUS:CONFIRMED") == 1


async def test_a_bulk_cancellation_finds_what_the_platform_cancelled_already_cancelled(
    studio, a_client, a_session, a_booking
):
    await studio.load(
        a_client(), a_session(), a_session("s2"), a_booking("b1"), a_session(status="cancelled")
    )
    chosen = {"date_from": "2026-11-23", "date_to": "2026-11-29", "session_ids": "all"}
    plan = (await studio.http.post("/v1/bulk-cancellations/plan", json=chosen)).json()
    assert [(one["session_id"], one["outcome"], one["job_id"]) for one in plan["sessions"]] == [
        ("s1", "already_cancelled", None),
        ("s2", "accepted", None),
    ]
    assert plan["totals"]["bookings"] == 0
    answer = await studio.http.post(
        "/v1/bulk-cancellations",
        json=chosen | {"session_ids": ["s1"]},
        headers={"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "/problems/sessions-already-in-process",
    )
    answer = await studio.http.post(
        "/v1/bulk-cancellations", json=chosen, headers={"Idempotency-Key": "k"}
    )
    job = answer.json()["id"]
    listed = (await studio.get(f"/bulk-cancellations/{job}/sessions"))["data"]
    for shown in (answer.json()["sessions"], listed):
        assert {one["session_id"]: one["job_id"] for one in shown} == {"s1": None, "s2": job}
    assert await verify(studio.db) == []
