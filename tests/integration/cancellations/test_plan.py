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
    assert totals["refunds"] == 10  # with what the one who waits has paid
    assert money(totals["amounts"]) == {"CAD": 7599, "JPY": 500, "KWD": 12345}
    assert totals["credits"] == 3
    assert totals["nothing_to_return"] == 2  # free, attended
    assert (money(totals["kept_amounts"]), totals["kept_credits"]) == ({"CAD": 700}, 0)


async def test_attended_bookings_are_returned_where_the_request_says_so(week):
    totals = (await plan_of(week, include_attended=True))["totals"]
    assert (totals["refunds"], totals["nothing_to_return"], totals["kept_amounts"]) == (11, 1, [])
    assert money(totals["amounts"])["CAD"] == 8299


async def test_sessions_are_told_one_by_one_in_start_order_and_add_up_to_the_totals(week):
    plan = await plan_of(week)
    sessions = {one["session_id"]: one for one in plan["sessions"]}
    assert list(sessions) == ["over", "begun", "yoga", "spin", "empty"]
    assert {one["outcome"] for one in sessions.values()} == {"accepted"}
    yoga = sessions["yoga"]
    assert (yoga["bookings"], yoga["refunds"], yoga["credits"], yoga["nothing_to_return"]) == (
        6,
        6,
        3,
        1,
    )
    assert money(yoga["amounts"]) == {"CAD": 6499}
    assert sessions["empty"]["bookings"] == 0
    for count in ("bookings", "refunds", "credits", "nothing_to_return", "kept_credits"):
        assert sum(one[count] for one in sessions.values()) == plan["totals"][count]
    assert money(sessions["begun"]["kept_amounts"]) == money(plan["totals"]["kept_amounts"])


async def test_only_the_sessions_that_are_named_count(week):
    plan = await plan_of(week, ["spin", "empty"])
    assert [one["session_id"] for one in plan["sessions"]] == ["spin", "empty"]
    assert money(plan["totals"]["amounts"]) == {"JPY": 500, "KWD": 12345}
    assert plan["totals"]["sessions"] == 2


async def test_it_warns_of_sessions_begun_or_over_and_of_attended_bookings(week):
    warnings = {one["code"]: one["count"] for one in (await plan_of(week))["warnings"]}
    assert warnings == {"sessions-ended": 1, "sessions-started": 1, "attended-skipped": 1}
    assert (await plan_of(week, ["yoga", "spin"]))["warnings"] == []


async def test_a_warning_of_sessions_names_the_first_hundred_of_them(week):
    by_code = {one["code"]: one["session_ids"] for one in (await plan_of(week))["warnings"]}
    assert by_code == {
        "sessions-ended": ["over"],
        "sessions-started": ["begun"],
        "attended-skipped": [],
    }
    for number in range(101):
        await week.session(f"late-{number:03}", starts_in_hours=-30 + number / 60)
    (over,) = [one for one in (await plan_of(week))["warnings"] if one["code"] == "sessions-ended"]
    assert over["count"] == 102
    assert over["session_ids"] == [f"late-{number:03}" for number in range(100)]


async def test_it_says_how_much_of_what_attended_bookings_paid_is_kept(week):
    await week.booking(
        "often", "begun", ("USD", 50), ("credits", 4), status="checked_in", client_id="lee"
    )
    (attended,) = [
        one for one in (await plan_of(week))["warnings"] if one["code"] == "attended-skipped"
    ]
    assert (attended["count"], money(attended["amounts"]), attended["credits"]) == (
        2,
        {"CAD": 700, "USD": 50},
        4,
    )


async def test_a_plan_changes_nothing(week):
    before = await week.everything()
    await plan_of(week)
    assert await week.everything() == before
    assert week.queue.woken == []


async def test_the_digest_is_the_same_until_a_booking_differs(week, db):
    digest = (await plan_of(week))["digest"]
    assert (await plan_of(week))["digest"] == digest
    named = ["yoga", "spin", "empty", "begun", "over"]
    assert (
        (await plan_of(week, named))["digest"]
        == (await plan_of(week, named[::-1]))["digest"]
        == digest
    )
    async with db.write() as conn:
        lines = tables.payment_lines
        await conn.execute(
            sa.update(lines).where(lines.c.booking_id == "card").values(amount_minor=2001)
        )
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
    assert [one["pointer"] for one in refused.json()["errors"]] == [
        "/session_ids/1",
        "/session_ids/2",
    ]


async def test_it_warns_of_payments_that_several_bookings_name_chosen_or_not(studio):
    def paid(id_, session_id, amount, payment_id="p", currency="CAD"):
        record = studio.record("booking", id_, session_id, (currency, amount))
        record["payments"][0]["payment_id"] = payment_id
        return record

    await studio.load(
        *(studio.record("session", id_) for id_ in ("yoga", "spin", "later")),
        paid("one", "yoga", 6000),
        paid("two", "spin", 6000),
        paid("alone", "spin", 700, "alone"),
        paid("yen", "yoga", 500, "elsewhere", "JPY"),
        paid("yen-later", "later", 500, "elsewhere", "JPY"),
        paid("free", "later", 0, "alone"),
    )
    for chosen, count, amounts in (
        (["yoga", "spin"], 2, {"CAD": 12000, "JPY": 500}),
        (["spin"], 1, {"CAD": 6000}),  # the other booking of it is not chosen
    ):
        (shared,) = (await plan_of(studio, chosen))["warnings"]
        assert (shared["code"], shared["count"], money(shared["amounts"])) == (
            "payment-shared",
            count,
            amounts,
        )
    await studio.accepted(["yoga"])
    assert [one["code"] for one in (await plan_of(studio, ["later"]))["warnings"]] == [
        "payment-shared"
    ]
