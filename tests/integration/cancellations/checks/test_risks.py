"""What the payment service says of a plan: each line at risk, and money beside what is needed."""

import pytest
from worlds.checks import PATH, booked, checked, codes, known, left_out

from app.auth.keys import Scope
from app.db.access import upstream_tokens
from app.domain.statuses import Method

RISKS = {
    "disputed": "disputed",
    "held": "not_captured",
    "old": "window_over",
    "part": "part_refunded",
    "lost": "not_found",
}


@pytest.fixture
async def risky(studio):
    """A class whose payments are in every state."""
    await studio.load(
        studio.record("session", "yoga"),
        studio.record("booking", "well", "yoga", ("CAD", 2000)),
        *(studio.record("booking", name, "yoga", ("CAD", 2000)) for name in RISKS),
        studio.record("booking", "credit", "yoga", ("credits", 2)),
        studio.record("booking", "free", "yoga"),
    )
    await known(studio, "well-payment-1")
    await known(studio, "disputed-payment-1", disputed=True)
    await known(studio, "held-payment-1", captured=False)
    await known(studio, "old-payment-1", refundable_until="2020-01-01T00:00:00Z")
    await known(studio, "part-payment-1", 1500)
    await studio.upstream.put("/balance", json={"CAD": 700})
    return studio


async def test_each_line_at_risk_is_named_with_what_is_left_of_its_payment(risky):
    before = await risky.everything()
    plan = await checked(risky)
    check = plan["check"]
    assert codes(check) == RISKS
    assert {one["remaining_minor"] for one in check["risks"] if one["code"] == "not_found"} == {
        None
    }
    [part] = [one for one in check["risks"] if one["booking_id"] == "part"]
    assert part == {
        "session_id": "yoga",
        "session_name": "Yoga",
        "booking_id": "part",
        "line_no": 1,
        "client_id": "kim",
        "client_name": "Kim",
        "payment_id": "part-payment-1",
        "code": "part_refunded",
        "currency": "CAD",
        "amount_minor": 2000,
        "needed_minor": 2000,
        "remaining_minor": 1500,
    }
    assert check["balances"] == [
        {"currency": "CAD", "available_minor": 700, "needed_minor": 12_000}
    ]
    assert check["progress"] == {"asked": 6, "of": 6, "at_risk": 5, "unknown": 0}
    assert left_out(check) == {"credits": 1}
    # It is the plan, and nothing was done or kept: each payment was read once, and the balance.
    assert check["digest"] == plan["digest"] == (await risky.plan()).json()["digest"]
    assert await risky.everything() == before
    books = (await risky.upstream.get("/books")).json()
    assert books["payments"]["requests"]["reads"] == 7
    assert books["payments"]["callers"] == {"the platform": {"GET": 7}}
    assert books["payments"]["effects"] == books["credits"]["effects"] == []


async def test_a_plan_that_is_not_checked_asks_nobody(risky):
    assert (await risky.plan()).json()["check"] is None
    answer = await risky.http.post(
        "/v1/bulk-cancellations/plan", params={"check": "false"}, json=risky.body()
    )
    assert answer.json()["check"] is None
    assert (await risky.upstream.get("/books")).json()["payments"]["requests"] == {}


async def test_lines_of_one_payment_are_at_risk_together_and_it_is_asked_about_once(studio):
    one, other = (studio.record("booking", name, "yoga", ("CAD", 1200)) for name in ("b1", "b2"))
    for record in (one, other):
        record["payments"][0]["payment_id"] = "shared"
    await studio.load(studio.record("session", "yoga"), one, other)
    await known(studio, "shared", 2399)
    check = (await checked(studio))["check"]
    assert codes(check) == dict.fromkeys(("b1", "b2"), "part_refunded")
    assert {
        (one["amount_minor"], one["needed_minor"], one["remaining_minor"]) for one in check["risks"]
    } == {(1200, 2400, 2399)}
    # And about the balance.
    assert (await studio.upstream.get("/books")).json()["payments"]["requests"]["reads"] == 2
    await known(studio, "shared", 2400)
    assert (await checked(studio))["check"]["risks"] == []


async def test_what_is_needed_is_what_the_terms_return_and_not_what_was_paid(studio):
    await booked(studio, 2)
    await known(studio, "b0-payment-1", 1000)
    await studio.upstream.put("/balance", json={"CAD": 5000})
    half = {"payments": {"keep": {"percent": 50}}}
    check = (await checked(studio, terms=half))["check"]
    assert check["risks"] == []
    assert check["balances"] == [{"currency": "CAD", "available_minor": 5000, "needed_minor": 2000}]
    assert codes((await checked(studio))["check"]) == {"b0": "part_refunded"}


async def test_lines_of_which_nothing_comes_back_are_not_asked_about(studio):
    await booked(studio, 2)
    skip = [{"booking_id": "b0", "action": "skip", "note": "paid by voucher"}]
    check = (await checked(studio, overrides=skip))["check"]
    assert check["progress"]["of"] == 1
    kept = {"payments": {"return_as": "nothing"}}
    none = (await checked(studio, terms=kept))["check"]
    assert (none["progress"]["of"], none["balances"], none["not_asked"]) == (0, [], [])
    # The line that comes back, with the balance; where nothing comes back neither.
    books = (await studio.upstream.get("/books")).json()
    assert books["payments"]["requests"]["reads"] == 2


async def test_what_comes_back_as_store_credit_is_asked_of_no_payment(studio):
    await booked(studio, 2)
    said = {"action": "return", "return_as": "original", "note": "their card"}
    check = (
        await checked(
            studio,
            terms={"payments": {"return_as": "store_credit"}},
            overrides=[{"booking_id": "b0"} | said],
        )
    )["check"]
    assert (check["progress"]["of"], left_out(check)) == (1, {"store_credit": 1})
    assert [one["needed_minor"] for one in check["balances"]] == [2000]


async def test_a_payment_in_another_currency_is_not_taken_for_the_schedules(studio):
    await booked(studio, 1)
    await known(studio, "b0-payment-1", 2000, "JPY")
    [risk] = (await checked(studio))["check"]["risks"]
    assert (risk["code"], risk["remaining_minor"], risk["needed_minor"]) == ("unknown", None, 2000)


@pytest.mark.parametrize("status", [404, 501])
async def test_of_a_service_without_the_read_nothing_is_asked_and_the_plan_stands(studio, status):
    await booked(studio, 5)
    lacking = {"unsupported": ["payments", "balance"], "unsupported_status": status}
    await studio.upstream.put("/faults", json={"payments": lacking})
    plan = await checked(studio)
    assert left_out(plan["check"]) == {"unsupported": 5}
    assert plan["check"]["progress"] == {"asked": 0, "of": 5, "at_risk": 0, "unknown": 0}
    assert plan["check"]["balances"] == [
        {"currency": "CAD", "available_minor": None, "needed_minor": 10_000}
    ]
    assert plan["totals"]["refunds"] == 5


async def test_clients_are_named_for_those_who_may_see_them(risky, caller_with):
    limited = await caller_with(Scope.CANCELLATIONS_READ)
    risks = (await checked(limited))["check"]["risks"]
    assert {one["client_name"] for one in risks} == {None}
    assert {one["client_id"] for one in risks} == {"kim"}
    nobody = await caller_with(Scope.SCHEDULE_READ)
    answer = await nobody.http.post(PATH, json=nobody.body())
    assert answer.status_code == 403


async def test_a_key_of_the_business_that_cannot_be_read_asks_nobody(studio):
    await booked(studio, 3)
    async with studio.db.write() as conn:
        await upstream_tokens.put(conn, "studio", Method.PAYMENT, "v1:unreadable")
    check = (await checked(studio))["check"]
    assert left_out(check) == {"account_unreadable": 3}
    assert (await studio.upstream.get("/books")).json()["payments"]["requests"] == {}


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_what_no_plan_can_be_made_of_is_refused_as_by_a_plan(studio, accept):
    await studio.session("yoga")
    answer = await studio.http.post(
        PATH, json=studio.body(["yoga", "gone"]), headers={"Accept": accept}
    )
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/session_ids/1"]
    assert answer.json() == (await studio.plan(["yoga", "gone"])).json()
