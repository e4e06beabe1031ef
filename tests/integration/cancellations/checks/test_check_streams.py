"""A check as it is told: events as they come, to an end that is the same as in JSON."""

import asyncio

import httpx
import pytest
from worlds.checks import (
    PATH,
    SSE,
    Payments,
    asking,
    booked,
    checked,
    codes,
    events,
    known,
    left_out,
)
from worlds.patience import PATIENCE_SECONDS, eventually

from app.main import create_app
from app.serving import served


@pytest.fixture
async def socket(studio):
    """Serve the studio's present app, for answers that are read while they are written."""

    def opened():
        return served(studio.http._transport.app)

    return opened


def reading(studio, address):
    headers = {"Authorization": f"Bearer {studio.key}"}
    return httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, verify=False, timeout=PATIENCE_SECONDS
    )


async def told(studio, http, **members):
    """All events of a check."""
    async with http.stream("POST", PATH, json=studio.body(**members), headers=SSE) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        return [event async for event in events(answer)]


async def test_risks_and_progress_come_as_they_are_found_and_then_all_of_it(studio):
    await booked(studio, 6)
    await known(studio, "b2-payment-1", disputed=True)
    await known(studio, "b4-payment-1", captured=False)
    found = await told(studio, studio.http)
    names = [name for name, _ in found]
    assert names[-1] == "done"
    assert names.count("done") == 1
    progress = [data for name, data in found if name == "progress"]
    assert [one["asked"] for one in progress] == sorted(one["asked"] for one in progress)
    assert progress[-1] == {"asked": 6, "of": 6, "at_risk": 2, "unknown": 0}
    done = found[-1][1]
    assert [data for name, data in found if name == "risk"] == done["risks"]
    assert codes(done) == {"b2": "disputed", "b4": "not_captured"}
    again = (await checked(studio))["check"]
    for one in (done, again):
        one["risks"].sort(key=lambda risk: risk["booking_id"])
    assert again == done


async def test_events_are_what_comes_unless_json_is_asked_for(studio):
    await booked(studio, 1)
    for accept, given in (
        ("*/*", "text/event-stream"),
        ("application/json, text/event-stream", "text/event-stream"),
        ("application/json, text/event-stream;q=0.5", "application/json"),
        ("application/json, */*", "application/json"),
    ):
        answer = await studio.http.post(PATH, json=studio.body(), headers={"Accept": accept})
        assert answer.headers["Content-Type"].startswith(given), accept


async def test_a_check_ends_when_its_client_goes_and_another_may_begin(studio, socket):
    await booked(studio, 10)
    payments = Payments()
    payments.answers_until(2)
    async with (
        asking(studio, payments, concurrency=4),
        socket() as address,
        reading(studio, address) as http,
    ):
        async with http.stream("POST", PATH, json=studio.body(), headers=SSE) as answer:
            async for name, data in events(answer):
                if name == "progress" and data["asked"] == 2:
                    break
        await eventually(_nobody_asks)
        assert sum(payments.asked.values()) <= 3
        payments.goes_on.set()
        await eventually(lambda: _finds_all(http, studio))


async def _finds_all(http, studio):
    """Whether another check is let in, and comes to its end."""
    answer = await http.post(PATH, json=studio.body(), headers={"Accept": "application/json"})
    return answer.status_code == 200 and answer.json()["check"]["progress"]["asked"] == 10


def _nobody_asks():
    return not [task for task in asyncio.all_tasks() if "ask_payments" in repr(task)]


async def test_a_json_caller_who_goes_ends_it_too(studio, socket):
    await booked(studio, 10)
    payments = Payments()
    payments.answers_until(2)
    async with (
        asking(studio, payments, concurrency=4),
        socket() as address,
        reading(studio, address) as http,
    ):
        accept = {"Accept": "application/json"}
        asking_too = asyncio.ensure_future(http.post(PATH, json=studio.body(), headers=accept))
        await eventually(lambda: len(payments.came) == 3)
        asking_too.cancel()
        await eventually(_nobody_asks)
        assert sum(payments.asked.values()) == 3
        payments.goes_on.set()


async def test_a_business_checks_one_plan_at_a_time_and_keeps_no_other_waiting(
    studio, stranger, socket
):
    await booked(studio, 10)
    payments = Payments()
    payments.answers_until(1)
    async with (
        asking(studio, payments, concurrency=4),
        socket() as address,
        reading(studio, address) as http,
    ):
        async with http.stream("POST", PATH, json=studio.body(), headers=SSE) as answer:
            assert answer.status_code == 200
            second = await http.post(PATH, json=studio.body())
            assert second.status_code == 409
            assert second.json()["type"] == "/problems/check-under-way"
            assert "studio" in second.json()["detail"]
            plain = await http.post("/v1/bulk-cancellations/plan", json=studio.body())
            assert plain.status_code == 200
            headers = {"Authorization": stranger.http.headers["Authorization"]}
            other = await http.post(PATH, json=stranger.body(), headers=headers | SSE)
            assert other.status_code == 200
            payments.goes_on.set()
        assert (await checked(stranger))["check"]["progress"]["of"] == 0


async def test_of_too_many_lines_those_of_the_largest_payments_are_asked_about(studio):
    await booked(studio, 5)
    large = studio.record("booking", "large", "yoga", ("CAD", 9000))
    shared = [studio.record("booking", f"s{n}", "yoga", ("CAD", 8000)) for n in range(4)]
    for record in shared:
        record["payments"][0]["payment_id"] = "shared"
    await studio.load(large, *shared)
    payments = Payments()
    async with asking(studio, payments, check_lines=3):
        check = (await checked(studio))["check"]
    # The shared one has more lines than are asked about in all: it keeps no other out.
    assert left_out(check) == {"over_limit": 7}
    assert "large-payment-1" in payments.asked
    assert (len(payments.asked), "shared" in payments.asked) == (3, False)
    assert check["balances"] == [
        {"currency": "CAD", "available_minor": None, "needed_minor": 51_000}
    ]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_connection_to_the_database_is_held_while_a_check_waits(studio, socket):
    await booked(studio, 6)
    payments = Payments()
    payments.seconds = 0.3
    async with (
        asking(studio, payments, concurrency=4),
        socket() as address,
        reading(studio, address) as http,
        http.stream("POST", PATH, json=studio.body(), headers=SSE) as answer,
    ):
        held = []
        async for name, _ in events(answer):
            if name == "progress":
                held.append(studio.db.engine.pool.checkedout())
        assert len(held) > 2
        assert min(held) == 0


async def test_a_process_that_knows_of_no_upstream_says_that_it_asked_nobody(studio, settings):
    await booked(studio, 2)
    studio.http._transport.app = create_app(settings, database=studio.db, queue=studio.queue)
    assert left_out((await checked(studio))["check"]) == {"unsupported": 2}


async def test_when_the_process_stops_the_stream_ends_without_done(studio, socket):
    await booked(studio, 10)
    payments = Payments()
    payments.answers_until(1)
    async with (
        asking(studio, payments, concurrency=4) as runtime,
        socket() as address,
        reading(studio, address) as http,
        http.stream("POST", PATH, json=studio.body(), headers=SSE) as answer,
    ):
        names = []
        async for name, _ in events(answer):
            names.append(name)
            runtime.stopping.set()
    payments.goes_on.set()
    assert names
    assert "done" not in names
