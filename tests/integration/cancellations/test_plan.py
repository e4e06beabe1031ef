"""The plan says what a bulk cancellation would do, to the cent, and changes nothing."""

import datetime as dt

import sqlalchemy as sa

from app.db import tables

UTC = dt.UTC


def money(amounts):
    return {one["currency"]: one["amount_minor"] for one in amounts}


async def plan_of(desk, *args, **members):
    answer = await desk.plan(*args, **members)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_totals_count_every_line_to_return_and_every_booking_with_nothing(week):
    totals = (await plan_of(week))["totals"]
    assert (totals["sessions"], totals["bookings"], totals["clients"]) == (5, 11, 2)
    assert totals["refunds"] == 9
    assert money(totals["amounts"]) == {"CAD": 5599, "JPY": 500, "KWD": 12345}
    assert totals["credits"] == 3
    assert totals["nothing_to_return"] == 3  # free, waiting, attended


async def test_attended_bookings_are_returned_where_the_request_says_so(week):
    totals = (await plan_of(week, include_attended=True))["totals"]
    assert (totals["refunds"], totals["nothing_to_return"]) == (10, 2)
    assert money(totals["amounts"])["CAD"] == 6299


async def test_sessions_are_told_one_by_one_in_start_order_and_add_up_to_the_totals(week):
    plan = await plan_of(week)
    sessions = {one["session_id"]: one for one in plan["sessions"]}
    assert list(sessions) == ["over", "begun", "yoga", "spin", "empty"]
    assert {one["outcome"] for one in sessions.values()} == {"accepted"}
    yoga = sessions["yoga"]
    assert (yoga["bookings"], yoga["refunds"], yoga["credits"], yoga["nothing_to_return"]) == (6, 5, 3, 2)
    assert money(yoga["amounts"]) == {"CAD": 4499}
    assert sessions["empty"]["bookings"] == 0
    for count in ("bookings", "refunds", "credits", "nothing_to_return"):
        assert sum(one[count] for one in sessions.values()) == plan["totals"][count]


async def test_only_the_sessions_that_are_named_count(week):
    plan = await plan_of(week, ["spin", "empty"])
    assert [one["session_id"] for one in plan["sessions"]] == ["spin", "empty"]
    assert money(plan["totals"]["amounts"]) == {"JPY": 500, "KWD": 12345}
    assert plan["totals"]["sessions"] == 2


async def test_it_warns_of_sessions_begun_or_over_and_of_attended_bookings(week):
    warnings = {one["code"]: one["count"] for one in (await plan_of(week))["warnings"]}
    assert warnings == {"sessions-ended": 1, "sessions-started": 1, "attended-skipped": 1}
    assert (await plan_of(week, ["yoga", "spin"]))["warnings"] == []


async def test_a_plan_changes_nothing(week):
    before = await week.everything()
    await plan_of(week)
    assert await week.everything() == before
    assert week.queue.woken == []


async def test_the_digest_is_the_same_until_a_booking_differs(week, db):
    digest = (await plan_of(week))["digest"]
    assert (await plan_of(week))["digest"] == digest
    named = ["yoga", "spin", "empty", "begun", "over"]
    assert (await plan_of(week, named))["digest"] == (await plan_of(week, named[::-1]))["digest"] == digest
    async with db.write() as conn:
        lines = tables.payment_lines
        await conn.execute(sa.update(lines).where(lines.c.booking_id == "card").values(amount_minor=2001))
    dearer = (await plan_of(week))["digest"]
    await week.booking("new", "empty")
    assert len({digest, dearer, (await plan_of(week))["digest"]}) == 3


async def test_taken_sessions_are_told_with_their_job_and_left_out_of_the_totals(week):
    job = await week.accepted(["yoga"])
    plan = await plan_of(week)
    yoga = next(one for one in plan["sessions"] if one["session_id"] == "yoga")
    assert (yoga["outcome"], yoga["job_id"]) == ("already_in_process", job["id"])
    assert (yoga["refunds"], yoga["amounts"]) == (0, [])
    assert (plan["totals"]["sessions"], plan["totals"]["refunds"]) == (4, 4)
    assert {"code": "already-in-process", "count": 1}.items() <= plan["warnings"][-1].items()
    await week.work(job["id"])
    plan = await plan_of(week, ["yoga"])
    assert [one["outcome"] for one in plan["sessions"]] == ["already_cancelled"]
    assert plan["totals"]["sessions"] == 0
    assert {"already-cancelled", "nothing-to-accept"} == {one["code"] for one in plan["warnings"]}


async def test_days_are_local_days_of_the_business_on_the_day_the_clocks_change(studio):
    # Toronto, 14 March 2027: 23 hours, from 05:00Z to 04:00Z.
    for id_, starts_at in {
        "last-of-13th": dt.datetime(2027, 3, 14, 4, 59, tzinfo=UTC),
        "first-of-14th": dt.datetime(2027, 3, 14, 5, 0, tzinfo=UTC),
        "last-of-14th": dt.datetime(2027, 3, 15, 3, 59, tzinfo=UTC),
        "first-of-15th": dt.datetime(2027, 3, 15, 4, 0, tzinfo=UTC),
    }.items():
        await studio.session(id_, starts_at=starts_at)
    day = {"date_from": "2027-03-14", "date_to": "2027-03-14"}
    plan = await plan_of(studio, **day)
    assert [one["session_id"] for one in plan["sessions"]] == ["first-of-14th", "last-of-14th"]
    refused = await studio.cancel(["first-of-14th", "first-of-15th", "last-of-13th"], **day)
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/session_ids/1", "/session_ids/2"]
