"""The gateways against the sandbox: its books decide."""

import asyncio
import logging
import time
from dataclasses import replace

import pytest
from worlds.gateways import gateways
from worlds.orders import CREDIT, PAYMENT

from app.gateways.http import UpstreamClient
from app.gateways.outcomes import (
    Absent,
    Indeterminate,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
    UpstreamMethod,
)
from app.sandbox.app import create_sandbox


async def test_what_is_sent_is_the_contract_and_nothing_from_the_environment(peer_on, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    seen = []

    async def listens(peer, reader, writer):
        seen.append(await peer.read(reader))
        writer.write(
            b'HTTP/1.1 201 Created\r\ncontent-length: 34\r\n\r\n{"id":"rf_1","status":"succeeded"}'
        )
        await writer.drain()

    peer = await peer_on(listens)
    async with gateways(peer.url, payments_token="s3cret", credits_token="other") as built:
        assert await built[UpstreamMethod.PAYMENT].refund(PAYMENT) == Succeeded("rf_1")
        assert await built[UpstreamMethod.CREDIT].refund(CREDIT) == Succeeded("rf_1")
    payment, credit = seen
    assert payment.startswith(b"POST /payments/refunds HTTP/1.1\r\n")
    assert b"idempotency-key: key-1\r\n" in payment.lower()
    assert b"Bearer s3cret\r\n" in payment
    assert payment.endswith(
        b'{"business_id":"studio","payment_id":"pay1","amount_minor":2500,"currency":"USD","reference":"ref-1",'
        b'"reason":"Snow day"}'
    )
    assert credit.startswith(b"POST /credits/credit-returns HTTP/1.1\r\n")
    assert b"Bearer other\r\n" in credit
    assert credit.endswith(
        b'{"business_id":"studio","client_id":"kim","account_id":"acc1","credits":2,"reference":"ref-2",'
        b'"reason":"Snow day"}'
    )


def test_settings_that_cannot_work_are_refused_at_once():
    good = {"token": None, "connect_seconds": 1.0, "total_seconds": 2.0, "max_connections": 1}
    with pytest.raises(ValueError, match="begins with http"):
        UpstreamClient("ftp://x", **good)
    with pytest.raises(ValueError, match="connect_seconds"):
        UpstreamClient("http://x", **(good | {"total_seconds": 0.5}))
    with pytest.raises(ValueError, match="ASCII"):
        UpstreamClient("http://x", **(good | {"token": "a\nb"}))


async def test_a_refund_is_made_once_and_found_by_its_reference(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        for order in (PAYMENT, CREDIT):
            gateway = built[order.method]
            assert await gateway.look_up(order) == Absent()
            made = await gateway.refund(order)
            assert isinstance(made, Succeeded)
            assert await gateway.refund(order) == made
            assert await gateway.look_up(order) == made
    for service in ("payments", "credits"):
        books = await upstream_sandbox.books(service)
        assert books["totals"]["succeeded"] == 1
        assert books["requests"]["replays"] == 1


@pytest.mark.parametrize(
    ("switch", "outcome", "effects"),
    [
        ({"drop_before": 1}, Indeterminate, 0),
        ({"drop_after": 1}, Indeterminate, 1),
        ({"answer_502_after": 1}, Indeterminate, 1),
        ({"answer_500_after": 1}, Indeterminate, 1),
        ({"answer_500_before": 1}, Indeterminate, 0),
        ({"garbage": 1}, Indeterminate, 1),
        ({"huge": 1}, Indeterminate, 1),
        ({"wrong_amount": 1}, Indeterminate, 1),
        ({"answer_503": 1}, Unavailable, 0),
        ({"refuse": {"payment_disputed": 1}}, Rejected, 0),
        ({"refuse_ids": {"pay1": "x_y", "acc1": "x_y"}}, Rejected, 0),
        ({"fail": 1}, Rejected, 0),
        ({"pending": 1, "pending_then": "never"}, Processing, 0),
    ],
)
async def test_no_fault_makes_an_outcome_say_more_than_the_books(
    upstream_sandbox, switch, outcome, effects
):
    await upstream_sandbox.faults(**switch)
    async with gateways(upstream_sandbox.url) as built:
        for order, service in ((PAYMENT, "payments"), (CREDIT, "credits")):
            assert isinstance(await built[order.method].refund(order), outcome)
            assert (await upstream_sandbox.books(service))["totals"]["succeeded"] == effects
            if effects:
                assert isinstance(await built[order.method].look_up(order), Succeeded)


async def test_an_answer_that_never_comes_is_unknown_at_the_deadline(upstream_sandbox):
    await upstream_sandbox.faults(hang=1)
    async with gateways(upstream_sandbox.url, total_seconds=0.5) as built:
        began = time.monotonic()
        assert isinstance(await built[UpstreamMethod.PAYMENT].refund(PAYMENT), Indeterminate)
        assert 0.4 < time.monotonic() - began < 0.9
        assert isinstance(await built[UpstreamMethod.PAYMENT].look_up(PAYMENT), Succeeded)


async def test_a_call_given_up_may_still_land_later(upstream_sandbox):
    await upstream_sandbox.faults(latency_seconds=0.6)
    async with gateways(upstream_sandbox.url, total_seconds=0.5) as built:
        assert isinstance(await built[UpstreamMethod.PAYMENT].refund(PAYMENT), Indeterminate)
        # The answer is 409: the key is in use.
        assert isinstance(await built[UpstreamMethod.PAYMENT].refund(PAYMENT), Indeterminate)
        assert (await upstream_sandbox.books())["totals"]["succeeded"] == 0
        await asyncio.sleep(0.5)
        assert (await upstream_sandbox.books())["totals"]["succeeded"] == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_throttled_call_says_when_to_come_again(upstream_sandbox, form):
    await upstream_sandbox.faults(throttle_per_second=1, retry_after=form)
    async with gateways(upstream_sandbox.url) as built:
        assert isinstance(await built[UpstreamMethod.PAYMENT].refund(PAYMENT), Succeeded)
        throttled = await built[UpstreamMethod.PAYMENT].refund(PAYMENT)
        assert isinstance(throttled, Throttled)
        assert throttled.retry_after_seconds is not None
        assert 1 <= throttled.retry_after_seconds <= 3
        finding = await built[UpstreamMethod.PAYMENT].look_up(PAYMENT)
        assert isinstance(finding, Indeterminate)
        assert finding.retry_after_seconds is not None


async def test_a_wrong_token_rejects_nothing_and_names_itself(upstream_running):
    async with (
        upstream_running(create_sandbox(token="right")) as sandbox,
        gateways(sandbox.url, payments_token="right", credits_token="wrong") as built,
    ):
        assert isinstance(await built[UpstreamMethod.PAYMENT].refund(PAYMENT), Succeeded)
        refused = await built[UpstreamMethod.CREDIT].refund(CREDIT)
        assert refused == Unavailable("HTTP 401: the token is not accepted", None)
        assert (await sandbox.books("credits"))["effects"] == []


async def test_sixty_four_at_a_time_share_sixty_four_connections(peer_on):
    async def keeps_alive(peer, reader, writer):
        while True:
            await peer.read(reader)
            await asyncio.sleep(0.005)
            writer.write(
                b"HTTP/1.1 201 Created\r\ncontent-length: 34\r\n\r\n"
                b'{"id":"rf_1","status":"succeeded"}'
            )

    peer = await peer_on(keeps_alive)
    async with gateways(peer.url) as built:
        for _ in range(5):
            outcomes = await asyncio.gather(
                *(built[UpstreamMethod.PAYMENT].refund(PAYMENT) for _ in range(128))
            )
            assert set(outcomes) == {Succeeded("rf_1")}
    assert len(peer.requests) == 640
    # The client may begin to connect just as another call ends, and then has one more than it
    # needs.
    assert peer.connections <= 64 + 8


async def test_five_hundred_refunds_through_dropped_connections_end_with_one_effect_each(
    upstream_sandbox, caplog
):
    await upstream_sandbox.faults(
        drop_before=0.15, drop_after=0.15, answer_502_after=0.1, look_ups=True
    )
    orders = [
        replace(CREDIT, refund_id=f"r{n}", idempotency_key=f"r{n}", account_id=f"a{n % 7}")
        for n in range(500)
    ]
    async with gateways(upstream_sandbox.url) as built:
        gateway = built[UpstreamMethod.CREDIT]

        async def settle(order):
            while True:
                outcome = await gateway.refund(order)
                while isinstance(outcome, Indeterminate):
                    outcome = await gateway.look_up(order)
                if isinstance(outcome, Succeeded):
                    return

        with caplog.at_level(logging.WARNING):
            await asyncio.gather(*(settle(order) for order in orders))
    books = await upstream_sandbox.books("credits")
    assert books["totals"] == {
        "succeeded": 500,
        "pending": 0,
        "failed": 0,
        "sums": {"credits": 1000},
    }
    assert books["twice"] == {}
    assert books["requests"]["dropped"] > 100
    assert not caplog.records
