"""A business's limits: read and set, each with who set it, and what is held against them."""

import datetime as dt

import pytest
from worlds.records import TODAY


async def test_of_a_business_that_has_set_none_nothing_needs_an_approval(week):
    own = await week.get("/approval-limits")
    limits = ("money", "credits", "people", "sessions", "share_of_week_percent")
    assert {own[name] for name in limits} == {None}
    assert (own["within_hours"], own["set_by"], own["set_at"]) == (72, None, None)
    assert (await week.accepted())["status"] == "queued"


async def test_every_version_is_kept_with_who_set_it(week, limits):
    first = await limits(money=[{"currency": "CAD", "amount_minor": 100}], people=3)
    assert (first["money"], first["people"], first["set_by"]) == (
        [{"currency": "CAD", "amount_minor": 100}],
        3,
        "key:front desk",
    )
    assert await limits(money=[{"currency": "CAD", "amount_minor": 100}], people=3) == first
    await limits()
    kept = await week.pages("/approval-limits/history")
    assert [(one["version"], one["people"]) for one in kept] == [(2, None), (1, 3)]


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"money": []}, {("/money", "too-short")}),
        (
            {"money": [{"currency": "CAD", "amount_minor": 1}] * 2},
            {("/money", "repeated-currency")},
        ),
        (
            {"money": [{"currency": "CAD", "amount_minor": -1}]},
            {("/money/0/amount_minor", "greater-than-equal")},
        ),
        ({"people": 1.5}, {("/people", "int-type")}),
        ({"share_of_week_percent": 101}, {("/share_of_week_percent", "less-than-equal")}),
        ({"within_hours": 0}, {("/within_hours", "greater-than-equal")}),
        ({"within_hours": None}, {("/within_hours", "int-type")}),
        ({"persons": 1}, {("/persons", "extra-forbidden")}),
    ],
)
async def test_limits_that_can_t_be_are_refused_by_their_field(week, members, errors):
    answer = await week.http.put("/v1/approval-limits", json=members)
    assert answer.status_code == 422, answer.text
    assert {(one["pointer"], one["code"]) for one in answer.json()["errors"]} == errors
    assert (await week.get("/approval-limits"))["set_by"] is None


async def test_only_who_manages_the_business_sets_them_and_anybody_may_read_them(caller_with):
    reader = await caller_with("schedule:read", "cancellations:approve", "terms:write")
    assert (await reader.get("/approval-limits"))["within_hours"] == 72
    answer = await reader.http.put("/v1/approval-limits", json={})
    assert (answer.status_code, answer.json()["scope"]) == (403, "business:manage")


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"money": [{"currency": "CAD", "amount_minor": 6498}]}, [("money", 6498, 6499, "CAD")]),
        ({"money": [{"currency": "CAD", "amount_minor": 6499}]}, []),
        ({"credits": 2}, [("credits", 2, 3, None)]),
        ({"people": 1}, [("people", 1, 2, None)]),
        ({"sessions": 0}, [("sessions", 0, 1, None)]),
    ],
)
async def test_a_plan_says_beforehand_what_a_press_would_be_above(week, limits, members, found):
    await limits(**members)
    plan = (await week.plan(["yoga"])).json()
    above = [
        (one["limit"], one["allowed"], one["asked"], one["currency"])
        for one in plan["needs_approval"]
    ]
    assert above == found
    job = await week.accepted(["yoga"])
    assert job["needs_approval"] == plan["needs_approval"]
    assert job["status"] == ("awaiting_approval" if found else "queued")


async def test_a_currency_that_is_not_limited_where_others_are_needs_an_approval(week, limits):
    await limits(money=[{"currency": "CAD", "amount_minor": 10**6}])
    assert (await week.accepted(["yoga"]))["status"] == "queued"
    job = await week.accepted(["spin"])
    assert {one["currency"] for one in job["needs_approval"]} == {"JPY", "KWD"}


async def test_what_of_a_week_was_cancelled_before_counts_to_its_share(studio):
    monday = TODAY + dt.timedelta(days=7 - TODAY.weekday())
    days = [str(monday + dt.timedelta(days=number)) for number in range(10)]
    for day in days:
        await studio.session(day, starts_at=dt.datetime.fromisoformat(f"{day}T17:00:00Z"))
    limits = {"share_of_week_percent": 30}
    assert (await studio.http.put("/v1/approval-limits", json=limits)).status_code == 200
    first = await studio.accepted(days[:2])
    assert (first["status"], first["needs_approval"]) == ("queued", [])
    second = await studio.accepted([days[2], days[8]])
    shares = [(one["monday"], one["allowed"], one["asked"]) for one in second["needs_approval"]]
    assert shares == [(days[0], 30, 43), (days[7], 30, 34)]
