"""Stripe's voids: what is asked for and in which order, and what each answer is believed to say."""

import asyncio
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

import pytest
from integration.stripe.answers import ORDER, error, stripe_at
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from worlds.orders import GOODWILL, STORE_CREDIT

from app.domain.statuses import RefundForm
from app.gateways.outcomes import (
    Absent,
    ConnectedAccount,
    Indeterminate,
    Limit,
    Rejected,
    SecretKeyAccount,
    Succeeded,
    Throttled,
    Unavailable,
    UnreadableAccount,
)

VOID = replace(ORDER, form=RefundForm.VOID)
MARK = "metadata[bulk_cancel_void]"


@dataclass
class Till:
    """Stripe's intents and charges: it cancels what waits for capture, once, whatever the key."""

    intent: dict = field(
        default_factory=lambda: {
            "id": "pi_1",
            "object": "payment_intent",
            "status": "requires_capture",
            "amount": 2500,
            "amount_capturable": 2500,
            "currency": "eur",
            "metadata": {"theirs": "kept"},
        }
    )
    charge: dict = field(default_factory=lambda: {"id": "ch_1", "payment_intent": "pi_1"})
    calls: list[tuple[str, str, dict]] = field(default_factory=list)
    headers: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)
    # What is answered to a call instead, by its method and the last of its path; and before which
    # call somebody else does something.
    instead: dict[tuple[str, str], Response] = field(default_factory=dict)
    before: dict[tuple[str, str], object] = field(default_factory=dict)
    step_seconds: float = 0.0
    is_deaf: bool = (
        False  # then it hears a cancellation, does it, and says nothing that can be read
    )

    def app(self):
        return Starlette(
            routes=[
                Route("/v1/charges/{id}", self.answer),
                Route("/v1/payment_intents/{id}", self.answer, methods=["GET", "POST"]),
                Route("/v1/payment_intents/{id}/{verb}", self.answer, methods=["POST"]),
            ]
        )

    async def answer(self, request):
        form = dict(parse_qsl((await request.body()).decode()))
        last = request.url.path.rsplit("/", 1)[1]
        call = (request.method, last)
        self.calls.append((*call, form))
        names = ("stripe-account", "authorization", "idempotency-key")
        self.headers.append(tuple(request.headers.get(name) for name in names))
        await asyncio.sleep(self.step_seconds)
        if call in self.before:
            self.before.pop(call)()
        if call in self.instead:
            return self.instead[call]
        if "/charges/" in request.url.path:
            return JSONResponse(self.charge)
        if request.path_params["id"] != self.intent["id"]:
            return JSONResponse(error(code="resource_missing"), 404)
        if call == ("POST", "cancel"):
            return self._cancel()
        if request.method == "POST":
            self.intent["metadata"] |= {"bulk_cancel_void": form[MARK]}
        return JSONResponse(self.intent)

    def _cancel(self):
        if self.intent["status"] != "requires_capture":
            late = {"code": "payment_intent_unexpected_state", "payment_intent": self.intent}
            return JSONResponse(error(**late), 400)
        self.intent |= {"status": "canceled", "amount_capturable": 0}
        return Response(b"<html>", 200) if self.is_deaf else JSONResponse(self.intent)

    def posts(self):
        return [(last, form) for method, last, form in self.calls if method == "POST"]


@pytest.fixture
async def till(upstream_running):
    peer = Till()
    async with upstream_running(peer.app()) as server, stripe_at(server.url) as gateway:
        yield peer, gateway


async def test_an_intent_is_read_marked_and_cancelled_under_the_orders_key(till):
    peer, gateway = till
    assert await gateway.look_up(VOID) == Absent()
    peer.calls.clear()
    peer.headers.clear()
    assert await gateway.refund(VOID) == Succeeded("pi_1")
    assert peer.calls == [
        ("GET", "pi_1", {}),
        ("POST", "pi_1", {MARK: "ref-1"}),
        ("POST", "cancel", {}),
    ]
    assert peer.headers == [
        (None, "Bearer sk_test_1", None),
        (None, "Bearer sk_test_1", None),
        (None, "Bearer sk_test_1", "key-1"),
    ]
    assert peer.intent["metadata"]["theirs"] == "kept"
    assert await gateway.look_up(VOID) == Succeeded("pi_1")


async def test_again_is_the_same_and_asks_for_nothing_more(till):
    peer, gateway = till
    first = await gateway.refund(VOID)
    asked = peer.posts()
    assert await gateway.refund(VOID) == first
    assert peer.posts() == asked


@pytest.mark.parametrize("payment_id", ["ch_1", "py_1"])
async def test_a_charge_is_let_go_by_its_intent(payment_id, till):
    peer, gateway = till
    order = replace(VOID, payment_id=payment_id)
    assert await gateway.refund(order) == Succeeded("pi_1")
    assert [call[:2] for call in peer.calls] == [
        ("GET", payment_id),
        ("GET", "pi_1"),
        ("POST", "pi_1"),
        ("POST", "cancel"),
    ]
    assert await gateway.look_up(order) == Succeeded("pi_1")


async def test_a_charge_without_an_intent_has_nothing_to_cancel(till):
    peer, gateway = till
    peer.charge["payment_intent"] = None
    order = replace(VOID, payment_id="ch_1")
    refused = await gateway.refund(order)
    assert isinstance(refused, Rejected)
    assert refused.code == "form_not_supported"
    assert await gateway.look_up(order) == Absent()
    assert peer.posts() == []


@pytest.mark.parametrize(
    ("difference", "code"),
    [
        ({"status": "succeeded"}, "already_captured"),
        ({"status": "processing"}, "not_authorised"),
        ({"status": "requires_payment_method"}, "not_authorised"),
        ({"status": "canceled"}, "already_refunded"),
        ({"status": "canceled", "metadata": {"bulk_cancel_void": "ref-2"}}, "already_refunded"),
        ({"amount": 5000, "amount_capturable": 5000}, "amount_not_whole"),
        ({"amount_capturable": 1000}, "amount_not_whole"),
        ({"currency": "usd"}, "amount_not_whole"),
    ],
)
async def test_what_is_no_whole_authorisation_of_the_order_is_not_touched(difference, code, till):
    peer, gateway = till
    peer.intent |= difference
    refused = await gateway.refund(VOID)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.upstream_reference) == (code, None)
    assert peer.posts() == []
    assert await gateway.look_up(VOID) == Absent()


async def test_a_payment_that_is_none_of_stripes_is_not_found(till):
    peer, gateway = till
    for payment_id in ("pi_2", "pay_1", ""):
        refused = await gateway.refund(replace(VOID, payment_id=payment_id))
        assert isinstance(refused, Rejected)
        assert refused.code == "payment_not_found"
        finding = await gateway.look_up(replace(VOID, payment_id=payment_id))
        assert isinstance(finding, Indeterminate)
    assert peer.posts() == []


@pytest.mark.parametrize("step", [("GET", "pi_1"), ("POST", "pi_1")])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (JSONResponse(error(), 500), Unavailable),
        (JSONResponse(error(), 409), Unavailable),
        (JSONResponse(error(), 401), Unavailable),
        (Response(b"<html>", 202), Unavailable),
        (JSONResponse(error(code="rate_limit"), 429), Throttled),
        (JSONResponse(error(code="resource_missing"), 404), Rejected),
    ],
)
async def test_what_fails_before_the_cancellation_is_surely_not_done(step, answer, outcome, till):
    peer, gateway = till
    peer.instead[step] = answer
    assert isinstance(await gateway.refund(VOID), outcome)
    assert peer.intent["status"] == "requires_capture"
    assert ("POST", "cancel") not in [call[:2] for call in peer.calls]


@pytest.mark.parametrize("status", [409, 424, 500, 502, 503])
async def test_a_cancellation_of_which_nothing_is_known_is_looked_up(status, till):
    peer, gateway = till
    peer.instead[("POST", "cancel")] = JSONResponse(error(), status)
    assert isinstance(await gateway.refund(VOID), Indeterminate)
    assert await gateway.look_up(VOID) == Absent()
    peer.instead.clear()
    peer.is_deaf = True
    assert isinstance(await gateway.refund(VOID), Indeterminate)
    assert await gateway.look_up(VOID) == Succeeded("pi_1")


@pytest.mark.parametrize(
    ("happens", "code"),
    [({"status": "succeeded"}, "already_captured"), ({"status": "canceled"}, "already_refunded")],
)
async def test_who_captures_or_cancels_meanwhile_is_first(happens, code, till):
    peer, gateway = till
    peer.before[("POST", "cancel")] = lambda: peer.intent.update(happens)
    refused = await gateway.refund(VOID)
    assert isinstance(refused, Rejected)
    assert refused.code == code


async def test_a_cancelled_intent_that_another_line_has_marked_is_not_believed_to_be_ours(till):
    peer, gateway = till
    mark = {"bulk_cancel_void": "ref-2"}
    peer.before[("POST", "cancel")] = lambda: peer.intent["metadata"].update(mark)
    assert isinstance(await gateway.refund(VOID), Indeterminate)
    assert await gateway.look_up(VOID) == Absent()
    other = replace(VOID, refund_id="ref-2", idempotency_key="key-2")
    assert await gateway.look_up(other) == Succeeded("pi_1")


async def test_a_cancelled_intent_of_another_amount_tells_nothing(till):
    peer, gateway = till
    await gateway.refund(VOID)
    peer.intent["amount"] = 2499
    assert isinstance(await gateway.look_up(VOID), Indeterminate)
    assert isinstance(await gateway.refund(VOID), Indeterminate)


@pytest.mark.parametrize("document", [[], {}, {"id": "pi_1"}, {"id": "pi_1", "status": "canceled"}])
async def test_what_is_no_intent_tells_nothing(document, till):
    peer, gateway = till
    peer.instead[("GET", "pi_1")] = JSONResponse(document)
    assert isinstance(await gateway.refund(VOID), Unavailable)
    assert isinstance(await gateway.look_up(VOID), Indeterminate)


async def test_a_throttled_look_up_says_what_it_was_for(till):
    peer, gateway = till
    headers = {"retry-after": "3", "stripe-rate-limited-reason": "resource-specific"}
    peer.instead[("GET", "pi_1")] = JSONResponse(error(), 429, headers)
    finding = await gateway.look_up(VOID)
    assert finding == Indeterminate("look-up: HTTP 429", 3, Limit.OBJECT)


async def test_amounts_are_compared_in_stripes_unit(till):
    peer, gateway = till
    peer.intent |= {"currency": "isk", "amount": 2500, "amount_capturable": 2500}
    assert await gateway.refund(replace(VOID, currency="ISK", amount_minor=25)) == Succeeded("pi_1")


async def test_all_steps_end_within_one_calls_time(till, upstream_running):
    peer, _ = till
    peer.step_seconds = 0.4
    async with (
        upstream_running(peer.app()) as server,
        stripe_at(server.url, total_seconds=1.0) as gateway,
    ):
        late = await gateway.refund(VOID)
    assert isinstance(late, Unavailable)
    assert peer.intent["status"] == "requires_capture"


async def test_a_void_is_made_at_the_account_of_the_payment_or_not_at_all(till):
    peer, gateway = till
    await gateway.refund(replace(VOID, payment_account=ConnectedAccount("acct_1")))
    assert {one[:2] for one in peer.headers} == {("acct_1", "Bearer sk_test_1")}
    peer.headers.clear()
    await gateway.look_up(replace(VOID, payment_account=SecretKeyAccount("sk_test_2")))
    assert {one[:2] for one in peer.headers} == {(None, "Bearer sk_test_2")}
    peer.headers.clear()
    lost = replace(VOID, payment_account=UnreadableAccount("it can't be opened"))
    assert await gateway.refund(lost) == Unavailable("it can't be opened", None)
    assert isinstance(await gateway.look_up(lost), Indeterminate)
    assert peer.headers == []


async def test_value_and_goodwill_are_never_stripes(till):
    peer, gateway = till
    for order in (STORE_CREDIT, GOODWILL):
        refused = await gateway.refund(order)
        assert isinstance(refused, Rejected)
        assert refused.code == "form_not_supported"
        assert await gateway.look_up(order) == Absent()
    assert peer.calls == []
