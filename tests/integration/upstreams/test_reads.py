"""The optional reads, against the sandbox: what it knows, and what an old one lacks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from worlds.gateways import gateways
from worlds.orders import PAYMENT

from app.gateways.facts import (
    Balance,
    FactsUnknown,
    PaymentAsked,
    PaymentFacts,
    PaymentNotFound,
    Unsupported,
)
from app.gateways.outcomes import (
    Limit,
    Rejected,
    SecretKeyAccount,
    Succeeded,
    UnreadableAccount,
    UpstreamMethod,
)
from app.sandbox.app import create_sandbox

ASKED = PaymentAsked("studio", "pay1")


async def known(sandbox, payment_id="pay1", **facts):
    document = {"amount_minor": 3000, "currency": "USD", "business_id": "studio"} | facts
    answer = await sandbox.http.put(f"/payments/{payment_id}", json=document)
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def payments(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        yield upstream_sandbox, built[UpstreamMethod.PAYMENT]


async def test_a_payment_is_read_as_it_stands(payments):
    sandbox, gateway = payments
    await known(sandbox)
    assert await gateway.payment(ASKED) == PaymentFacts(3000, "USD", captured=True, disputed=False)
    assert isinstance(await gateway.refund(PAYMENT), Succeeded)
    assert await gateway.payment(ASKED) == PaymentFacts(500, "USD", captured=True, disputed=False)
    until = {"disputed": True, "refundable_until": "2026-12-01T00:00:00Z", "captured": False}
    await known(sandbox, **until)
    assert await gateway.payment(ASKED) == PaymentFacts(
        500, "USD", False, True, datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert (await sandbox.books())["requests"]["reads"] == 3


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"captured": False}, "not_captured"),
        ({"disputed": True}, "payment_disputed"),
        ({"refundable_until": "2026-01-01T00:00:00Z"}, "refund_window_expired"),
    ],
)
async def test_a_refund_is_refused_by_what_a_read_would_have_shown(payments, facts, code):
    sandbox, gateway = payments
    await known(sandbox, **facts)
    refused = await gateway.refund(PAYMENT)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.upstream_reference) == (code, None)
    assert (await sandbox.books())["effects"] == []
    await known(sandbox, refundable_until="2999-01-01T00:00:00Z")
    assert isinstance(await gateway.refund(PAYMENT), Succeeded)


async def test_a_payment_that_is_nobodys_or_anothers_is_not_found(payments):
    sandbox, gateway = payments
    assert await gateway.payment(ASKED) == PaymentNotFound()
    await known(sandbox, business_id="other")
    assert await gateway.payment(ASKED) == PaymentNotFound()
    assert isinstance(await gateway.payment(replace(ASKED, business_id="other")), PaymentFacts)


@pytest.mark.parametrize("payment_id", [".", ".."])
async def test_an_id_that_would_be_another_path_is_not_asked_after(payments, payment_id):
    sandbox, gateway = payments
    assert isinstance(await gateway.payment(replace(ASKED, payment_id=payment_id)), FactsUnknown)
    assert (await sandbox.books())["requests"] == {}


async def test_the_balance_is_read_and_refunds_are_taken_from_it(payments):
    sandbox, gateway = payments
    assert await gateway.balance("studio", None) == Unsupported()
    kept = await sandbox.http.put("/balance", json={"USD": 3000, "CAD": 7})
    assert kept.json() == {"USD": 3000, "CAD": 7}
    assert await gateway.balance("studio", None) == Balance({"USD": 3000, "CAD": 7})
    assert isinstance(await gateway.refund(PAYMENT), Succeeded)
    assert await gateway.balance("studio", None) == Balance({"USD": 500, "CAD": 7})
    more = replace(PAYMENT, payment_id="pay2", refund_id="ref-9", idempotency_key="key-9")
    refused = await gateway.refund(more)
    assert isinstance(refused, Rejected)
    assert refused.code == "insufficient_balance"
    assert (await sandbox.http.put("/balance", json={"USD": -1})).status_code == 400
    assert await gateway.balance("studio", None) == Balance({"USD": 500, "CAD": 7})


@pytest.mark.parametrize("status", [404, 501])
async def test_a_service_of_version_1_0_supports_no_read_and_refunds_all_the_same(payments, status):
    sandbox, gateway = payments
    await known(sandbox)
    await sandbox.faults(unsupported=["payments", "balance"], unsupported_status=status)
    assert await gateway.payment(ASKED) == Unsupported()
    assert await gateway.balance("studio", None) == Unsupported()
    assert isinstance(await gateway.refund(PAYMENT), Succeeded)
    await sandbox.faults()
    assert isinstance(await gateway.payment(ASKED), PaymentFacts), "and it is not so for ever"


async def test_the_credits_contract_has_no_reads_and_is_not_asked(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        gateway = built[UpstreamMethod.CREDIT]
        assert await gateway.payment(ASKED) == Unsupported()
        assert await gateway.balance("studio", None) == Unsupported()
    assert (await upstream_sandbox.books("credits"))["requests"] == {}


async def test_a_read_is_made_with_the_businesss_own_token_or_not_at_all(upstream_running):
    app = create_sandbox(token="the-platforms", tokens_of={"studio": "its-own"})
    own, lost = SecretKeyAccount("its-own"), UnreadableAccount("it can't be opened")
    async with (
        upstream_running(app) as sandbox,
        gateways(sandbox.url, payments_token="the-platforms") as built,
    ):
        gateway = built[UpstreamMethod.PAYMENT]
        await known(sandbox)
        await sandbox.http.put("/balance", json={"USD": 1})
        assert await gateway.payment(ASKED) == PaymentNotFound()
        assert isinstance(await gateway.payment(replace(ASKED, payment_account=own)), PaymentFacts)
        assert await gateway.balance("studio", own) == Balance({"USD": 1})
        counted = (await sandbox.books())["requests"]["total"]
        assert await gateway.payment(replace(ASKED, payment_account=lost)) == FactsUnknown(
            lost.detail
        )
        assert await gateway.balance("studio", lost) == FactsUnknown(lost.detail)
        assert (await sandbox.books())["requests"]["total"] == counted


@pytest.mark.parametrize(
    "switch", [{"drop_before": 1}, {"drop_after": 1}, {"answer_500_before": 1}, {"garbage": 1}]
)
async def test_no_fault_makes_a_read_say_anything(payments, switch):
    sandbox, gateway = payments
    await known(sandbox)
    await sandbox.http.put("/balance", json={"USD": 1})
    await sandbox.faults(look_ups=True, **switch)
    assert isinstance(await gateway.payment(ASKED), FactsUnknown)
    assert isinstance(await gateway.balance("studio", None), FactsUnknown)


async def test_a_throttled_read_says_when_to_come_again(payments):
    sandbox, gateway = payments
    await known(sandbox)
    await sandbox.faults(throttle_per_second=1)
    answers = await asyncio.gather(*(gateway.payment(ASKED) for _ in range(4)))
    throttled = [one for one in answers if isinstance(one, FactsUnknown)]
    assert throttled
    assert {one.limit for one in throttled} == {Limit.RATE}
    assert all(one.retry_after_seconds is not None for one in throttled)
