"""The 202: every accepted session is cancelled at once, everywhere, with the worker stopped."""

import base64
import json
import re
import zlib

from integration.plans.watched import watched

from app.db import tables


async def outcomes(answer):
    return {one["session_id"]: (one["outcome"], one["job_id"]) for one in answer["sessions"]}


async def test_the_answer_names_the_job_and_tells_each_session_s_outcome(week):
    answer = await week.cancel("all", reason="Snow day")
    assert answer.status_code == 202
    job = answer.json()
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", job["id"]
    )
    assert answer.headers["Location"] == f"/v1/bulk-cancellations/{job['id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert (job["status"], job["reason"], job["requested_by"]) == (
        "queued",
        "Snow day",
        "key:front desk",
    )
    assert job["requested_at"].endswith("Z")
    assert job["session_counts"] == {"accepted": 5, "already_in_process": 0, "already_cancelled": 0}
    taken = await outcomes(job)
    assert set(taken.values()) == {("accepted", job["id"])}
    assert set(taken) == {"yoga", "spin", "empty", "begun", "over"}
    assert (await week.http.get(answer.headers["Location"])).json()["id"] == job["id"]


async def test_the_job_promises_what_the_plan_said(week):
    plan = (await week.plan()).json()
    job = await week.accepted()
    assert job["totals"] == plan["totals"]
    assert (job["refunds"]["pending"]["count"], job["refunds"]["skipped"]["count"]) == (10, 2)
    assert job["refunds"]["pending"]["amounts"] == plan["totals"]["amounts"]
    assert job["refunds"]["skipped"]["kept_amounts"] == plan["totals"]["kept_amounts"]


async def test_line_breaks_and_tabs_of_a_reason_are_taken_and_folded_to_blanks_everywhere(week):
    folded = "Snow day. Roads closed. Stay home!"
    typed = " Snow day.\r\nRoads\t closed.\n\n\u2028Stay home!\x85"
    answer = await week.cancel("all", key="several lines", reason=typed)
    assert (answer.status_code, answer.json()["reason"]) == (202, folded)
    again = await week.cancel("all", key="several lines", reason=folded)
    # What is kept is the same, and so is the request.
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await week.get("/sessions/yoga"))["cancellation"]["reason"] == folded
    assert {line["reason"] for line in await week.audit(answer.json()["id"])} == {folded}


async def test_from_the_202_on_every_view_says_cancelled_and_no_booking_is_taken(week):
    job = await week.accepted(["yoga"], reason="Snow day")
    days = {name: week.body()[name] for name in ("date_from", "date_to")}
    session = await week.get("/sessions/yoga")
    assert session["status"] == "cancelled"
    cancellation = session["cancellation"]
    assert (cancellation["job_id"], cancellation["in_process"], cancellation["reason"]) == (
        job["id"],
        True,
        "Snow day",
    )
    assert cancellation["cancelled_at"] == job["requested_at"]
    listed = {one["id"]: one["status"] for one in (await week.get("/sessions", **days))["data"]}
    assert listed == {"yoga": "cancelled"} | dict.fromkeys(
        ["spin", "empty", "begun", "over"], "scheduled"
    )
    public = (await week.http.get("/v1/public/studio/schedule", params=days)).text
    assert public.count('"cancelled"') == 1
    feed = (await week.http.get("/v1/public/studio/schedule.ics", params=days)).text
    events = [event for event in feed.split("BEGIN:VEVENT")[1:] if "STATUS:CANCELLED" in event]
    assert len(events) == 1
    assert "Yoga" in events[0]
    of_kim = {one["id"]: one for one in (await week.get("/clients/kim/bookings"))["data"]}
    assert "cancelled" in str(of_kim["card"]["session"])
    booking = {"session_id": "yoga", "client_id": "kim", "status": "booked", "payments": []}
    refused = await week.http.put("/v1/bookings/too-late", json=booking)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/session-cancelled")


async def test_a_booking_is_frozen_from_acceptance_on(week):
    job = await week.accepted(["yoga"])
    changed = {"session_id": "yoga", "client_id": "kim", "status": "booked"}
    line = {
        "method": "payment",
        "payment_id": "card-payment-1",
        "amount_minor": 1,
        "currency": "CAD",
    }
    answer = await week.http.put("/v1/bookings/card", json=changed | {"payments": [line]})
    assert answer.status_code == 409, answer.text
    moved = changed | {"session_id": "empty", "payments": []}
    assert (await week.http.put("/v1/bookings/card", json=moved)).status_code == 409
    await week.work(job["id"])
    assert (await week.books())["sums"] == {"CAD": 6499, "credits": 3}


async def test_the_worker_is_woken_once_and_nothing_is_returned_before_it_runs(week):
    job = await week.accepted()
    assert week.queue.woken == [job["id"]]
    assert await week.refunds(job["id"]) == []
    assert (await week.books())["effects"] == {}


async def test_what_is_left_is_accepted_and_the_rest_is_told_who_has_it(week):
    first = await week.accepted(["yoga"])
    await week.work(first["id"])
    second = await week.accepted(["spin"])
    third = await week.accepted(["yoga", "spin", "empty"])
    assert await outcomes(third) == {
        "yoga": ("already_cancelled", first["id"]),
        "spin": ("already_in_process", second["id"]),
        "empty": ("accepted", third["id"]),
    }
    assert third["session_counts"] == {
        "accepted": 1,
        "already_in_process": 1,
        "already_cancelled": 1,
    }
    assert third["totals"]["sessions"] == 1
    listed = await week.get(f"/bulk-cancellations/{third['id']}/sessions")
    assert {
        one["session_id"]: (one["outcome"], one["job_id"]) for one in listed["data"]
    } == await outcomes(third)


async def test_with_no_session_left_the_refusal_names_each_session_s_job(week):
    first = await week.accepted(["yoga"])
    second = await week.accepted(["spin"])
    jobs_before = await week.rows(tables.jobs)
    refused = await week.cancel(["yoga", "spin"], key="again")
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == "/problems/sessions-already-in-process"
    held_by = {one["session_id"]: one["job_id"] for one in problem["sessions"]}
    assert held_by == {"yoga": first["id"], "spin": second["id"]}
    assert await week.rows(tables.jobs) == jobs_before
    # The refused request has not used its key up.
    assert (await week.cancel(["empty"], key="again")).status_code == 202


async def test_a_plan_that_still_holds_is_accepted(week):
    digest = (await week.plan()).json()["digest"]
    assert (await week.cancel(plan_digest=digest)).status_code == 202


async def test_a_plan_that_no_longer_holds_is_refused_saying_how(week):
    plan = (await week.plan(["yoga"])).json()
    await week.booking("new", "yoga", ("CAD", 2500))
    before = await week.everything()
    refused = await week.cancel(["yoga"], plan_digest=plan["digest"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/plan-changed")
    problem = refused.json()
    assert problem["planned"]["refunds"] == 6
    assert (problem["now"]["refunds"], problem["now"]["bookings"]) == (7, 7)
    assert problem["planned"] == plan["totals"]  # sums are lists, as everywhere
    assert problem["now"] == (await week.plan(["yoga"])).json()["totals"]
    assert await week.everything() == before
    assert (
        await week.cancel(["yoga"], plan_digest=(await week.plan(["yoga"])).json()["digest"])
    ).status_code == 202


def packed(totals):
    return "." + base64.urlsafe_b64encode(zlib.compress(json.dumps(totals).encode())).decode()


async def test_a_digest_that_no_plan_gave_is_refused_as_changed(week):
    made_up = (
        {"amounts": [1]},
        {"amounts": {"CAD": "much"}},
        {"sessions": None},
        ["sessions"],
        7,
        None,
    )
    for digest in ("nonsense", "a.b", "é.\N{SNOWMAN}", ".", *map(packed, made_up)):
        refused = await week.cancel(["yoga"], plan_digest=digest)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/plan-changed"), (
            digest
        )
        assert refused.json()["planned"] is None


async def test_a_business_that_is_another_s_is_not_touched_by_all(week, stranger):
    await week.accepted()
    assert (await stranger.get("/sessions/theirs"))["status"] == "scheduled"


async def test_an_acceptance_reads_what_the_business_has_said_by_one_statement(week, db):
    async with watched(db) as seen:
        job = await week.accepted()
    assert job["terms"] is job["messages"] is None
    (of_terms,), (of_messages,) = (
        {one.statement for one in seen.of(table)} for table in ("terms_history", "message_settings")
    )
    assert of_terms == of_messages
