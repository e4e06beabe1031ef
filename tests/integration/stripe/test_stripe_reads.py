"""Stripe's reads: a payment by its newest charge, and the balance that refunds are taken from."""

from dataclasses import dataclass, field, replace

import pytest
from integration.stripe.answers import error, stripe_at
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.gateways.facts import (
    Balance,
    FactsUnknown,
    PaymentAsked,
    PaymentFacts,
    PaymentNotFound,
)
from app.gateways.outcomes import ConnectedAccount, Limit, SecretKeyAccount, UnreadableAccount

ASKED = PaymentAsked("studio", "pi_1")
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "status": "succeeded",
    "amount": 3000,
    "amount_captured": 3000,
    "amount_refunded": 500,
    "captured": True,
    "currency": "eur",
    "disputed": False,
}


@dataclass
class Reader:
    """It answers every read with what the test says, and keeps what was asked."""

    answer: tuple[int, object, dict[str, str]] = (200, None, {})
    asked: list[tuple[str, dict, str | None, str | None]] = field(default_factory=list)

    def app(self):
        return Starlette(routes=[Route("/{path:path}", self.read)])

    async def read(self, request):
        headers = request.headers
        self.asked.append(
            (
                request.url.path,
                dict(request.query_params),
                headers.get("stripe-account"),
                headers.get("authorization"),
            )
        )
        status, document, more = self.answer
        if isinstance(document, bytes):
            return Response(document, status, more)
        return JSONResponse(document, status, more)


@pytest.fixture
async def reader(upstream_running):
    peer = Reader()
    async with upstream_running(peer.app()) as server, stripe_at(server.url) as gateway:
        yield peer, gateway


@pytest.fixture
def said(reader):
    """What the gateway makes of an answer about a payment."""
    peer, gateway = reader

    async def ask(status, document, payment_id="pi_1", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        peer.answer = (status, document, named)
        return await gateway.payment(replace(ASKED, payment_id=payment_id))

    return ask


def charges(*found):
    return {"object": "list", "data": list(found), "has_more": False}


async def test_a_payment_intent_is_read_by_its_newest_charge(reader, said):
    peer, _ = reader
    assert await said(200, charges(CHARGE)) == PaymentFacts(2500, "EUR", True, False)
    newest = {"payment_intent": "pi_1", "limit": "1"}
    assert peer.asked == [("/v1/charges", newest, None, "Bearer sk_test_1")]


@pytest.mark.parametrize("payment_id", ["ch_1", "py_1"])
async def test_a_charge_is_read_by_its_id(payment_id, reader, said):
    peer, _ = reader
    assert await said(200, CHARGE, payment_id) == PaymentFacts(2500, "EUR", True, False)
    assert peer.asked[0][:2] == (f"/v1/charges/{payment_id}", {})


@pytest.mark.parametrize(
    ("difference", "facts"),
    [
        ({"disputed": True}, PaymentFacts(2500, "EUR", True, True)),
        ({"amount_captured": 2000}, PaymentFacts(1500, "EUR", True, False)),
        ({"amount_captured": None}, PaymentFacts(2500, "EUR", True, False)),
        ({"amount_refunded": 3000}, PaymentFacts(0, "EUR", True, False)),
        (
            {"captured": False, "amount_captured": 0, "amount_refunded": 0},
            PaymentFacts(3000, "EUR", False, False),
        ),
        ({"status": "failed", "captured": False}, PaymentFacts(0, "EUR", False, False)),
        ({"currency": "isk"}, PaymentFacts(25, "ISK", True, False)),
        ({"currency": "mga"}, PaymentFacts(250_000, "MGA", True, False)),
    ],
)
async def test_what_remains_is_what_was_captured_and_not_refunded(difference, facts, said):
    assert await said(200, charges(CHARGE | difference)) == facts


@pytest.mark.parametrize(
    "difference",
    [
        {"amount": "3000"},
        {"amount_refunded": None},
        {"captured": None},
        {"disputed": 0},
        {"currency": "EUR"},
        {"status": None},
    ],
)
async def test_a_charge_that_cannot_be_read_tells_nothing(difference, said):
    assert isinstance(await said(200, charges(CHARGE | difference)), FactsUnknown)


@pytest.mark.parametrize("document", [charges(), {}, [], None, b"<html>", {"data": {}}])
async def test_an_intent_that_was_never_charged_or_no_list_tells_nothing(document, said):
    assert isinstance(await said(200, document), FactsUnknown)


async def test_no_payment_of_stripes_is_not_found_without_a_call(reader, said):
    peer, _ = reader
    assert await said(200, CHARGE, "pay_1") == PaymentNotFound()
    assert peer.asked == []
    assert await said(404, error(code="resource_missing")) == PaymentNotFound()
    assert isinstance(await said(404, error()), FactsUnknown)


async def test_a_refused_read_tells_nothing_and_of_a_429_what_it_was_for(said):
    assert isinstance(await said(401, error()), FactsUnknown)
    assert await said(503, error(), retry_after="4") == FactsUnknown("HTTP 503", 4)
    throttled = await said(429, error(), stripe_rate_limited_reason="global-concurrency")
    assert throttled == FactsUnknown("HTTP 429", None, Limit.CONCURRENCY)


async def test_the_balance_is_what_is_available_in_our_units(reader):
    peer, gateway = reader
    available = [
        {"amount": 2599, "currency": "eur", "source_types": {"card": 2599}},
        {"amount": -1, "currency": "isk"},
    ]
    peer.answer = (200, {"object": "balance", "available": available, "pending": []}, {})
    assert await gateway.balance("studio", None) == Balance({"EUR": 2599, "ISK": -1})
    assert peer.asked == [("/v1/balance", {}, None, "Bearer sk_test_1")]


@pytest.mark.parametrize("document", [{}, {"available": {"amount": 1, "currency": "eur"}}, b"<"])
async def test_a_balance_that_cannot_be_read_tells_nothing(document, reader):
    peer, gateway = reader
    peer.answer = (200, document, {})
    assert isinstance(await gateway.balance("studio", None), FactsUnknown)


async def test_a_read_is_made_at_the_account_of_the_payment_or_not_at_all(reader):
    peer, gateway = reader
    peer.answer = (200, charges(CHARGE), {})
    connected, own = ConnectedAccount("acct_1"), SecretKeyAccount("sk_test_2")
    for whose in (connected, own):
        assert isinstance(
            await gateway.payment(replace(ASKED, payment_account=whose)), PaymentFacts
        )
        await gateway.balance("studio", whose)
    assert [one[2:] for one in peer.asked] == [
        ("acct_1", "Bearer sk_test_1"),
        ("acct_1", "Bearer sk_test_1"),
        (None, "Bearer sk_test_2"),
        (None, "Bearer sk_test_2"),
    ]
    lost = UnreadableAccount("it can't be opened")
    assert await gateway.payment(replace(ASKED, payment_account=lost)) == FactsUnknown(lost.detail)
    assert await gateway.balance("studio", lost) == FactsUnknown(lost.detail)
    assert len(peer.asked) == 4
