"""A check goes behind the refunds of its account: a quarter of the calls, and none while paused.

The judge is when reads came to the service.
"""

import asyncio
import time

import pytest
from worlds.checks import Payments, asking, booked, checked, left_out
from worlds.patience import PATIENCE_SECONDS

from app.db.refunds import call_rates
from app.gateways.outcomes import UpstreamMethod
from app.refunds.pacing.pace import Signal
from app.refunds.pacing.sharing import AccountRate

SLOW_DOWN = {"code": "too_many_requests"}
ONE_AT_A_TIME = {"concurrency": 4}  # of which a check has a quarter
ACCOUNT = "payment:business:studio"


async def test_after_a_429_nothing_is_asked_for_as_long_as_the_service_says(studio):
    await booked(studio, 4)
    payments = Payments((429, {"Retry-After": "2"}, SLOW_DOWN))
    async with asking(studio, payments, **ONE_AT_A_TIME):
        check = (await checked(studio))["check"]
    # Of the four reads one was made again, and the balance is not to be had.
    assert sum(payments.asked.values()) == 5
    assert payments.came[1] - payments.answered[0] >= 2.0
    assert check["progress"] == {"asked": 4, "of": 4, "at_risk": 0, "unknown": 0}


async def test_a_429_without_a_time_is_backed_off_from_longer_and_longer(studio):
    await booked(studio, 1)
    payments = Payments(*[(429, {}, SLOW_DOWN)] * 3)
    async with asking(studio, payments, **ONE_AT_A_TIME):
        check = (await checked(studio))["check"]
    pauses = [
        came - answered
        for came, answered in zip(payments.came[1:], payments.answered, strict=False)
    ]
    assert [pause >= least for pause, least in zip(pauses, (1.0, 2.0, 4.0), strict=True)] == [
        True
    ] * 3
    assert (check["progress"]["asked"], check["risks"]) == (1, [])


async def test_a_503_makes_its_line_unknown_and_its_pause_is_kept(studio):
    await booked(studio, 2)
    payments = Payments((503, {"Retry-After": "1"}, {}))
    async with asking(studio, payments, **ONE_AT_A_TIME):
        check = (await checked(studio))["check"]
    assert sum(payments.asked.values()) == 2
    assert payments.came[1] - payments.answered[0] >= 1.0
    assert check["progress"] == {"asked": 2, "of": 2, "at_risk": 0, "unknown": 1}


async def test_a_pause_that_outlasts_the_check_ends_it(studio):
    await booked(studio, 3)
    payments = Payments((429, {"Retry-After": "600"}, SLOW_DOWN))
    async with asking(studio, payments, **ONE_AT_A_TIME, check_seconds=300.0):
        begun = time.monotonic()
        check = (await checked(studio))["check"]
        assert time.monotonic() - begun < 200
    assert left_out(check) == {"out_of_time": 3}
    assert sum(payments.asked.values()) == 1


async def test_what_is_not_asked_about_in_time_is_counted(studio):
    await booked(studio, 6)
    payments = Payments()
    payments.seconds = 1.0
    async with asking(studio, payments, **ONE_AT_A_TIME, check_seconds=2.5):
        check = (await checked(studio))["check"]
    missed = left_out(check)["out_of_time"]
    assert check["progress"]["asked"] + missed == check["progress"]["of"] == 6
    assert missed >= 3


async def test_calls_that_are_counted_are_had_from_the_accounts_budget_and_a_quarter_of_them(
    studio,
):
    await booked(studio, 10)
    payments = Payments()
    async with asking(studio, payments, payments_calls_per_second=20.0):
        begun = time.monotonic()
        await checked(studio)
    # The balance, which is read too, is not to be had here.
    assert payments.came[-1] - begun >= 9 / (20.0 * 0.25)
    assert sum(payments.asked.values()) == 10
    [budget] = await studio.rows(call_rates.call_rates.metadata.tables["call_budgets"])
    assert "business:studio" in budget


async def test_a_pace_that_workers_have_found_is_gone_by_and_a_quarter_of_it(studio):
    await booked(studio, 8)
    worker = AccountRate("worker")
    async with studio.db.write() as conn:
        _, clock = await call_rates.lock(conn, ACCOUNT)
        worker.rate.cruise(clock, 10.0)
        kept = worker.publish(None, clock)
        row = call_rates.Row(kept.version, kept.published_at, kept.state, kept.awake)
        await call_rates.write(conn, ACCOUNT, row, phase="cruise", per_second=10.0)
    before = await studio.rows(call_rates.call_rates)
    payments = Payments()
    async with asking(studio, payments):
        begun = time.monotonic()
        await checked(studio)
    # A probe of the workers' is a third faster than the rate.
    assert payments.came[-1] - begun >= 7 / (10.0 * 1.5 * 0.25)
    assert await studio.rows(call_rates.call_rates) == before, "a check changes no rate"


async def test_while_refunds_stay_away_from_their_upstream_a_check_does_too(studio):
    await booked(studio, 2)
    payments = Payments()
    async with asking(studio, payments, check_seconds=600.0) as runtime:
        with runtime.paces.at("studio", UpstreamMethod.PAYMENT, account=ACCOUNT) as pace:
            assert await pace.enter(repeat=False) == "go"
            pace.leave(Signal.OUT_OF_FUNDS, repeat=False)
            assert pace.quiet_seconds > 0
            quiet_until = time.monotonic() + pace.quiet_seconds
            await checked(studio)
    assert payments.came[0] >= quiet_until - 0.01


@pytest.mark.parametrize(("concurrency", "most"), [(4, 1), (16, 4)])
async def test_a_quarter_of_the_calls_in_flight_are_a_checks(studio, concurrency, most):
    await booked(studio, 12)
    payments = Payments()
    payments.seconds = 0.05
    async with asking(studio, payments, concurrency=concurrency):
        await checked(studio)
    assert payments.most_in_flight <= most
    assert sum(payments.asked.values()) == 12


async def test_a_service_that_fails_leaves_lines_unknown_and_the_refunds_breaker_closed(studio):
    await booked(studio, 5)
    async with asking(studio, Payments(*[(500, {}, {})] * 5), **ONE_AT_A_TIME) as runtime:
        check = (await checked(studio))["check"]
        assert runtime.paces.quiet_seconds("studio", UpstreamMethod.PAYMENT) <= 0
    assert check["progress"] == {"asked": 5, "of": 5, "at_risk": 0, "unknown": 5}
    assert {one["code"] for one in check["risks"]} == {"unknown"}


async def test_whatever_the_network_does_a_check_comes_to_its_end(studio):
    await booked(studio, 12)
    faults = {"drop_before": 0.2, "drop_after": 0.2, "garbage": 0.2, "look_ups": True}
    await studio.upstream.put("/faults", json={"payments": faults})
    check = (await checked(studio))["check"]
    progress = check["progress"]
    assert progress["asked"] == progress["of"] == 12
    assert 0 < progress["unknown"] == len(check["risks"])
    books = (await studio.upstream.get("/books")).json()["payments"]
    assert books["requests"]["total"] == 13, "once for each payment, and once for the balance"
    assert books["effects"] == []


async def test_a_service_that_throttles_is_asked_until_it_has_said_of_each(studio):
    await booked(studio, 8)
    await studio.upstream.put("/faults", json={"payments": {"throttle_per_second": 4}})
    async with asyncio.timeout(PATIENCE_SECONDS):
        check = (await checked(studio))["check"]
    assert check["progress"] == {"asked": 8, "of": 8, "at_risk": 0, "unknown": 0}
    requests = (await studio.upstream.get("/books")).json()["payments"]["requests"]
    assert requests["reads"] == 9
    assert requests["429"] > 0
