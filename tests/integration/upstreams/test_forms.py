"""Voids, store credits and goodwill, against the sandbox: its books decide."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from worlds.gateways import gateways
from worlds.orders import CREDIT, GOODWILL, PAYMENT, STORE_CREDIT, VOID

from app.domain.statuses import RefundForm
from app.gateways.outcomes import (
    Absent,
    Indeterminate,
    Processing,
    Rejected,
    Succeeded,
    Throttled,
    Unavailable,
)
from app.sandbox.app import create_sandbox

SUBJECT = {RefundForm.VOID: "pay1", RefundForm.STORE_CREDIT: "kim", RefundForm.GOODWILL: "kim"}
PLACE = {
    RefundForm.VOID: ("payments", "voids"),
    RefundForm.STORE_CREDIT: ("credits", "store_credits"),
    RefundForm.GOODWILL: ("credits", "credit_grants"),
}
PATH = {form: section.replace("_", "-") for form, (_, section) in PLACE.items()}


async def made(sandbox, order):
    """What the books have of an order's form, and of nothing else."""
    service, section = PLACE[order.form]
    books = (await sandbox.http.get("/books")).json()
    others = [books["payments"], books["credits"]]
    for one_service, one_section in PLACE.values():
        if (one_service, one_section) != (service, section):
            others.append(books[one_service][one_section])
    assert [one["effects"] for one in others] == [[]] * len(others)
    return books[service][section]


@pytest.fixture(params=[VOID, STORE_CREDIT, GOODWILL], ids=lambda order: order.form)
async def asked(request, upstream_sandbox):
    """The sandbox, where pay1 is not captured, and the gateway that an order is for."""
    await uncaptured(upstream_sandbox)
    async with gateways(upstream_sandbox.url) as built:
        order = request.param
        yield upstream_sandbox, built[order.method], order


async def uncaptured(sandbox, **facts):
    owned = {"business_id": "studio", "captured": False}
    document = {"amount_minor": 2500, "currency": "USD"} | owned | facts
    assert (await sandbox.http.put("/payments/pay1", json=document)).status_code == 200


async def test_each_form_is_made_once_by_its_own_call_and_found_by_its_reference(asked):
    sandbox, gateway, order = asked
    assert await gateway.look_up(order) == Absent()
    first = await gateway.refund(order)
    assert isinstance(first, Succeeded)
    assert await gateway.refund(order) == first
    assert await gateway.look_up(order) == first
    books = await made(sandbox, order)
    amount, sums = (2, {"credits": 2}) if order.credits else (2500, {"USD": 2500})
    assert books["totals"] == {"succeeded": 1, "pending": 0, "failed": 0, "sums": sums}
    (effect,) = books["effects"]
    assert (effect["key"], effect["reference"]) == (order.idempotency_key, order.refund_id)
    assert (effect["subject"], effect["amount"]) == (SUBJECT[order.form], amount)
    assert (effect["business"], effect["reason"]) == ("studio", "Snow day")


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
        ({"answer_429": 1}, Throttled, 0),
        ({"refuse": {"account_closed": 1}}, Rejected, 0),
        ({"refuse_ids": {"pay1": "client_not_found", "kim": "client_not_found"}}, Rejected, 0),
        ({"fail": 1}, Rejected, 0),
        ({"pending": 1, "pending_then": "never"}, Processing, 0),
    ],
)
async def test_no_fault_makes_an_outcome_of_a_form_say_more_than_the_books(
    asked, switch, outcome, effects
):
    sandbox, gateway, order = asked
    await sandbox.faults(**switch)
    assert isinstance(await gateway.refund(order), outcome)
    assert (await made(sandbox, order))["totals"]["succeeded"] == effects
    await sandbox.faults()
    if outcome is Indeterminate:
        found = await gateway.look_up(order)
        assert isinstance(found, Succeeded if effects else Absent)
        assert isinstance(await gateway.refund(order), Succeeded)
        books = await made(sandbox, order)
        assert (books["totals"]["succeeded"], books["twice"]) == (1, {})


async def test_a_look_up_that_names_another_amount_tells_nothing(asked):
    sandbox, gateway, order = asked
    await gateway.refund(order)
    await sandbox.faults(wrong_amount=1, look_ups=True)
    assert isinstance(await gateway.look_up(order), Indeterminate)


@pytest.mark.parametrize("status", [404, 501])
async def test_a_service_that_lacks_a_form_refuses_it_plainly_and_has_none(asked, status):
    sandbox, gateway, order = asked
    await sandbox.faults(unsupported=[PATH[order.form]], unsupported_status=status)
    refused = await gateway.refund(order)
    assert refused == Rejected("form_not_supported", "the service does not offer it", None)
    assert await gateway.look_up(order) == Absent()
    assert (await made(sandbox, order))["effects"] == []
    # What it has said that it was at work on, it can't but have: less is believed.
    finding = await gateway.look_up(replace(order, accepted_as="sc_00000001"))
    assert isinstance(finding, Indeterminate)
    await sandbox.faults()
    assert isinstance(await gateway.refund(order), Succeeded)


@pytest.mark.parametrize("order", [PAYMENT, CREDIT], ids=lambda order: order.method)
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\n\r\n", Indeterminate),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Rejected),
    ],
)
async def test_a_501_to_a_refund_or_a_return_is_unknown_as_before(peer_on, order, answer, outcome):
    async def says_so(peer, reader, writer):
        while True:
            await peer.read(reader)
            writer.write(answer)

    peer = await peer_on(says_so)
    async with gateways(peer.url) as built:
        gateway = built[order.method]
        said = await gateway.refund(order)
        assert isinstance(said, outcome)
        assert getattr(said, "code", "http_404") == "http_404"
        assert isinstance(await gateway.look_up(order), Indeterminate)


async def test_a_404_with_a_code_stays_what_it_is(asked):
    sandbox, gateway, order = asked
    await sandbox.faults(refuse_ids={SUBJECT[order.form]: "account_not_found"})
    refused = await gateway.refund(order)
    assert isinstance(refused, Rejected)
    assert refused.code == "account_not_found"


async def test_a_form_of_the_other_contract_is_refused_without_a_call(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        for order in (VOID, STORE_CREDIT, GOODWILL):
            other = next(one for method, one in built.items() if method != order.method)
            refused = await other.refund(order)
            assert isinstance(refused, Rejected)
            assert refused.code == "form_not_supported"
            assert await other.look_up(order) == Absent()
    for service in ("payments", "credits"):
        assert (await upstream_sandbox.books(service))["requests"] == {}


# Voids.


async def test_a_void_is_for_what_was_not_captured_and_a_refund_for_what_was(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        gateway = built[PAYMENT.method]

        async def code_of(order):
            refused = await gateway.refund(order)
            assert isinstance(refused, Rejected)
            return refused.code

        await uncaptured(upstream_sandbox, captured=True)
        assert await code_of(VOID) == "already_captured"
        assert await code_of(replace(VOID, payment_id="unheard-of")) == "already_captured"
        await uncaptured(upstream_sandbox)
        assert await code_of(PAYMENT) == "not_captured"
        assert await code_of(replace(VOID, amount_minor=2499)) == "amount_not_whole"
        assert await code_of(replace(VOID, currency="EUR")) == "currency_mismatch"
        assert await code_of(replace(VOID, business_id="other")) == "payment_not_found"
        assert isinstance(await gateway.refund(VOID), Succeeded)
        refund = replace(PAYMENT, refund_id="ref-9", idempotency_key="key-9")
        assert await code_of(refund) == "already_refunded"
        again = replace(VOID, refund_id="ref-8", idempotency_key="key-8")
        assert await code_of(again) == "already_refunded"
        assert await gateway.look_up(again) == Absent()


async def test_a_refund_and_a_void_under_one_reference_are_not_found_for_each_other(
    upstream_sandbox,
):
    async with gateways(upstream_sandbox.url) as built:
        gateway = built[PAYMENT.method]
        assert isinstance(await gateway.refund(PAYMENT), Succeeded)
        assert await gateway.look_up(VOID) == Absent()
        await uncaptured(upstream_sandbox)
        other = replace(VOID, idempotency_key="key-9", payment_id="pay2")
        await upstream_sandbox.http.put(
            "/payments/pay2", json={"amount_minor": 2500, "currency": "USD", "captured": False}
        )
        assert isinstance(await gateway.refund(other), Succeeded)
    books = await upstream_sandbox.books()
    assert (books["twice"], books["voids"]["twice"]) == ({}, {})


# Credits.


async def test_goodwill_says_until_when_it_holds_and_value_does_not(upstream_sandbox):
    until = datetime(2027, 1, 31, 12, 30, tzinfo=UTC)
    async with gateways(upstream_sandbox.url) as built:
        granted = await built[GOODWILL.method].refund(replace(GOODWILL, valid_until=until))
        assert isinstance(granted, Succeeded)
        assert (granted.expires_before, granted.expires_after) == (None, until)
        value = await built[STORE_CREDIT.method].refund(replace(STORE_CREDIT, valid_until=until))
        assert isinstance(value, Succeeded)
        assert value.expires_after is None
    books = await upstream_sandbox.books("credits")
    (grant,) = books["credit_grants"]["effects"]
    assert (grant["client"], grant["valid_until"]) == ("kim", "2027-01-31T12:30:00.000Z")
    (credit,) = books["store_credits"]["effects"]
    assert (credit["client"], credit["valid_until"]) == ("kim", None)


async def test_clients_of_two_businesses_may_have_one_id(upstream_sandbox):
    async with gateways(upstream_sandbox.url) as built:
        for number, business in enumerate(("studio", "other")):
            order = replace(
                STORE_CREDIT,
                business_id=business,
                refund_id=f"ref-{number}",
                idempotency_key=f"key-{number}",
            )
            assert isinstance(await built[order.method].refund(order), Succeeded)


async def test_what_is_said_of_another_clients_value_tells_nothing(peer_on):
    body = b'{"id":"sc_1","status":"succeeded","client_id":"lee"}'

    async def says_so(peer, reader, writer):
        while True:
            await peer.read(reader)
            writer.write(
                b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            )

    peer = await peer_on(says_so)
    async with gateways(peer.url) as built:
        for order in (STORE_CREDIT, GOODWILL):
            assert isinstance(await built[order.method].refund(order), Indeterminate)
        assert isinstance(await built[CREDIT.method].refund(CREDIT), Succeeded)


# The books' file.


async def test_the_books_of_every_form_outlive_the_process(tmp_path, upstream_running):
    path = tmp_path / "books.jsonl"
    orders = (VOID, STORE_CREDIT, GOODWILL)
    async with upstream_running(create_sandbox(path)) as sandbox, gateways(sandbox.url) as built:
        await uncaptured(sandbox, disputed=True, refundable_until="2027-01-01T00:00:00Z")
        await sandbox.http.put("/balance", json={"USD": 5000})
        for order in orders:
            assert isinstance(await built[order.method].refund(order), Succeeded)
        paid = replace(PAYMENT, payment_id="pay2", refund_id="ref-9", idempotency_key="key-9")
        assert isinstance(await built[PAYMENT.method].refund(paid), Succeeded)
        before = (await sandbox.http.get("/books")).json()
        shown = (await sandbox.http.get("/payments/payments/pay1?business_id=studio")).json()
    async with upstream_running(create_sandbox(path)) as sandbox, gateways(sandbox.url) as built:
        after = (await sandbox.http.get("/books")).json()
        for service, section in PLACE.values():
            assert after[service][section] == before[service][section]
        assert after["payments"]["effects"] == before["payments"]["effects"]
        for order in orders:
            assert isinstance(await built[order.method].look_up(order), Succeeded)
        found = await sandbox.http.get("/payments/payments/pay1?business_id=studio")
        assert found.json() == shown
        available = (await sandbox.http.get("/payments/balance")).json()["available"]
        assert available == [{"currency": "USD", "amount_minor": 2500}]


async def test_a_journal_of_before_still_reads(tmp_path, upstream_running):
    path = tmp_path / "books.jsonl"
    request = '"subject":"pay1","amount":2500,"currency":"USD","reference":"ref-1","reason":null'
    rest = '"status":"succeeded","first_status":"succeeded","created_at":"2026-01-01T00:00:00.000Z"'
    path.write_text(
        '{"book":"payments","payment":["pay1",3000,"USD"]}\n'
        '{"book":"payments","payment":["pay2",3000,"USD","studio"]}\n'
        f'{{"book":"payments","refund":{{"id":"rf_00000001","key":"key-1","request":{{{request}}},'
        f'{rest},"failure_code":null}}}}\n'
    )
    async with upstream_running(create_sandbox(path)) as sandbox, gateways(sandbox.url) as built:
        assert await built[PAYMENT.method].look_up(PAYMENT) == Succeeded("rf_00000001")
        left = await sandbox.http.get("/payments/payments/pay1?business_id=studio")
        assert (left.json()["remaining_minor"], left.json()["captured"]) == (500, True)
        others = await sandbox.http.get("/payments/payments/pay2?business_id=other")
        assert others.status_code == 404
