"""Stripe's gateway: what is asked of Stripe, and what each of its answers is believed to say."""

from dataclasses import replace

import pytest
from integration.stripe.answers import ORDER, UNREADABLE, error, refund, stripe_at
from pydantic import ValidationError

from app.config.settings import Settings
from app.gateways.outcomes import (
    ConnectedAccount,
    Indeterminate,
    Limit,
    PlatformAccount,
    Processing,
    Rejected,
    SecretKeyAccount,
    Succeeded,
    Throttled,
    Unavailable,
)
from app.gateways.stripe.refunds import PAGE

# The call.


async def test_a_refund_names_payment_amount_and_our_reference_and_nothing_else(stripe, said):
    peer, _ = stripe
    assert await said(200, refund()) == Succeeded("re_1")
    assert peer.posts == [
        {"payment_intent": "pi_1", "amount": "2500", "metadata[reference]": "ref-1"}
    ]
    assert (peer.keys, peer.tokens) == (["key-1"], {"Bearer sk_test_1"})


@pytest.mark.parametrize("payment_id", ["ch_1", "py_1"])
async def test_a_payment_may_be_a_charge(payment_id, stripe, said, found):
    peer, _ = stripe
    order = replace(ORDER, payment_id=payment_id)
    assert await said(200, refund(charge=payment_id), order) == Succeeded("re_1")
    assert peer.posts[0]["charge"] == payment_id
    assert "payment_intent" not in peer.posts[0]
    assert await found(refund(charge=payment_id), order=order) == Succeeded("re_1")
    assert peer.queries == [{"charge": payment_id, "limit": str(PAGE)}]


@pytest.mark.parametrize("payment_id", ["pay_1", "pi", "", "PI_1", "re_1"])
async def test_what_is_no_payment_of_stripes_is_refused_without_a_call_and_never_absent(
    payment_id, stripe
):
    peer, gateway = stripe
    order = replace(ORDER, payment_id=payment_id)
    refused = await gateway.refund(order)
    assert isinstance(refused, Rejected)
    assert refused.code == "payment_not_found"
    assert isinstance(await gateway.look_up(order), Indeterminate)
    assert (peer.posts, peer.queries) == ([], [])


@pytest.mark.parametrize(
    ("currency", "ours", "theirs"),
    [
        ("EUR", 2500, 2500),
        ("JPY", 2500, 2500),
        ("KWD", 2500, 2500),
        ("HUF", 2500, 2500),
        ("TWD", 2500, 2500),
        ("ISK", 25, 2500),
        ("UGX", 25, 2500),
        ("MGA", 2500, 25),
    ],
)
async def test_amounts_are_sent_and_compared_in_stripes_unit(
    currency, ours, theirs, stripe, said, found
):
    peer, _ = stripe
    order = replace(ORDER, currency=currency, amount_minor=ours)
    answer = refund(amount=theirs, currency=currency.lower())
    assert await said(200, answer, order) == Succeeded("re_1")
    assert peer.posts[0]["amount"] == str(theirs)
    assert await found(answer, order=order) == Succeeded("re_1")
    assert isinstance(await found(answer | {"amount": theirs + 1}, order=order), Indeterminate)


async def test_an_amount_that_stripe_does_not_have_is_refused_without_a_call(stripe):
    peer, gateway = stripe
    refused = await gateway.refund(replace(ORDER, currency="MGA", amount_minor=2510))
    assert isinstance(refused, Rejected)
    assert refused.code == "amount_not_possible"
    assert peer.posts == []


@pytest.mark.parametrize(
    "asked",
    [
        {"reverse_transfer": True},
        {"refund_application_fee": True},
        {"reverse_transfer": True, "refund_application_fee": True},
    ],
)
async def test_of_a_destination_charge_the_transfer_and_the_fee_come_back_where_it_is_said(
    asked, stripe, said
):
    peer, _ = stripe
    plain = {"payment_intent": "pi_1", "amount": "2500", "metadata[reference]": "ref-1"}
    at_the_platform = replace(ORDER, payment_account=PlatformAccount(**asked))
    assert await said(200, refund(), at_the_platform) == Succeeded("re_1")
    assert peer.posts[0] == plain | dict.fromkeys(asked, "true")
    for account in (ConnectedAccount("acct_1"), SecretKeyAccount("sk_test_2"), PlatformAccount()):
        await said(200, refund(), replace(ORDER, payment_account=account))
        assert peer.posts[-1] == plain, "a payment that is not at the platform's has no transfer"


# Its answers.


@pytest.mark.parametrize("status", ["pending", "requires_action"])
async def test_a_refund_that_is_under_way_is_processing(status, said, found):
    reason = status if status == "requires_action" else None
    assert await said(200, refund(status=status)) == Processing("re_1", reason)
    assert await found(refund(status=status)) == Processing("re_1", reason)


@pytest.mark.parametrize("reason", ["insufficient_funds", "charge_pending", "processing"])
async def test_what_a_pending_refund_waits_for_is_read(reason, said):
    assert await said(200, refund(status="pending", pending_reason=reason)) == Processing(
        "re_1", reason
    )


@pytest.mark.parametrize("reason", [None, "", "no word", 7, ["x"]])
async def test_a_reason_that_is_no_word_is_none(reason, said):
    assert await said(200, refund(status="pending", pending_reason=reason)) == Processing("re_1")


async def test_a_refund_that_failed_or_was_canceled_is_rejected_with_its_reason_and_id(said, found):
    failed = refund(status="failed", failure_reason="lost_or_stolen_card")
    assert await said(200, failed) == Rejected("lost_or_stolen_card", "Stripe says failed", "re_1")
    assert await found(failed) == Rejected("lost_or_stolen_card", "Stripe says failed", "re_1")
    assert await said(200, refund(status="canceled")) == Rejected(
        "canceled", "Stripe says canceled", "re_1"
    )


@pytest.mark.parametrize(
    "difference", [*UNREADABLE, {"metadata": {"reference": "ref-2"}}, {"object": "charge"}]
)
async def test_an_answer_that_contradicts_the_order_or_cannot_be_read_tells_nothing(
    difference, said
):
    assert isinstance(await said(200, refund() | difference), Indeterminate)


@pytest.mark.parametrize("document", [b"<html>ok</html>", b"", [], None, "re_1"])
async def test_a_200_that_is_no_refund_tells_nothing(document, said):
    assert isinstance(await said(200, document), Indeterminate)


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (400, "charge_already_refunded", "already_refunded"),
        (400, "charge_disputed", "payment_disputed"),
        (400, "refund_disputed_payment", "payment_disputed"),
        (404, "resource_missing", "payment_not_found"),
        (400, "amount_too_large", "amount_exceeds_remaining"),
        (400, "balance_insufficient", "insufficient_balance"),
        (402, "balance_insufficient", "insufficient_balance"),
        (400, "charge_not_refundable", "charge_not_refundable"),
        (422, "something_new", "something_new"),
    ],
)
async def test_a_refusal_has_our_word_for_stripes_code(status, code, ours, said):
    assert await said(status, error(code=code)) == Rejected(ours, "No.", None)


async def test_too_little_balance_is_known_by_its_message_where_stripe_gives_no_code(said):
    message = "Insufficient funds in your Stripe balance to refund this amount."
    told = error(message=message, message_code="insufficient_balance_for_refund")
    assert await said(400, told) == Rejected("insufficient_balance", message, None)
    # The words alone are not enough: in an error of another kind they may be about anything.
    assert await said(400, told | {"error": told["error"] | {"type": "card_error"}}) == Rejected(
        "http_400", message, None
    )


@pytest.mark.parametrize(
    "message",
    [
        "Refund amount ($25.00) is greater than unrefunded amount on charge ($5.00)",
        "Refund amount (€25.00) is greater than charge amount (€20.00)",
    ],
)
async def test_more_than_is_left_is_known_by_its_message_where_stripe_gives_no_code(message, said):
    assert await said(400, error(message=message)) == Rejected(
        "amount_exceeds_remaining", message, None
    )


@pytest.mark.parametrize("named", ["This PaymentIntent (pi_1)", "The PaymentIntent pi_1"])
async def test_what_was_not_captured_is_known_by_its_message(named, said):
    message = f"{named} does not have a successful charge to refund."
    assert await said(400, error(message=message)) == Rejected("not_captured", message, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("requires_capture", "not_captured"),
        ("processing", "payment_intent_unexpected_state"),
        (None, "payment_intent_unexpected_state"),
    ],
)
async def test_what_was_not_captured_is_known_by_its_intents_state(status, code, said):
    told = error(code="payment_intent_unexpected_state", payment_intent={"status": status})
    assert await said(400, told) == Rejected(code, "No.", None)


async def test_a_refusal_without_a_code_has_its_status_for_one(said):
    assert await said(400, error()) == Rejected("http_400", "No.", None)
    assert await said(404, b"<html>no</html>") == Rejected("http_404", "HTTP 404", None)
    assert await said(402, {"error": "no"}) == Rejected("http_402", "HTTP 402", None)


async def test_a_key_that_came_before_with_another_order_is_an_error_of_ours(said):
    refused = await said(
        400, error(type="idempotency_error", message="Keys must be used with the same parameters")
    )
    assert isinstance(refused, Rejected)
    assert refused.code == "idempotency_key_reused"


@pytest.mark.parametrize("status", [400, 409])
async def test_a_key_in_use_is_another_call_of_ours_that_may_land(status, said):
    answer = await said(status, error(type="idempotency_error", code="idempotency_key_in_use"))
    assert isinstance(answer, Indeterminate)


@pytest.mark.parametrize("status", [302, 408, 409, 424, 425, 500, 502, 503, 504])
async def test_a_status_that_does_not_say_that_nothing_was_done_tells_nothing(status, said):
    answer = await said(status, error(type="api_error"), retry_after="7")
    assert isinstance(answer, Indeterminate)
    assert answer.retry_after_seconds == 7


async def test_too_many_calls_and_a_locked_payment_are_throttled(said):
    assert await said(429, error(code="rate_limit"), retry_after="3") == Throttled(3)
    assert await said(429, error(code="lock_timeout")) == Throttled(None, Limit.OBJECT)
    assert await said(400, error(code="lock_timeout")) == Throttled(None, Limit.OBJECT)


@pytest.mark.parametrize(
    ("reason", "limit"),
    [
        ("global-rate", Limit.RATE),
        ("endpoint-rate", Limit.RATE),
        ("global-concurrency", Limit.CONCURRENCY),
        ("endpoint-concurrency", Limit.CONCURRENCY),
        ("resource-specific", Limit.OBJECT),
        ("a word of next year's", Limit.RATE),
    ],
)
async def test_stripe_says_what_a_call_was_too_many_for(reason, limit, said):
    answer = await said(
        429, error(code="rate_limit"), retry_after="3", stripe_rate_limited_reason=reason
    )
    assert answer == Throttled(3, limit)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_stripe_does_not_take_rejects_no_refund(status, said):
    answer = await said(status, error(message="Invalid API Key provided: sk_test_1"))
    assert isinstance(answer, Unavailable)
    assert "sk_test" not in answer.detail


async def test_a_call_that_was_never_sent_is_not_done_and_a_broken_one_is_unknown(peer_on):
    async def closes_after_reading(peer, reader, _):
        await peer.read(reader)

    peer = await peer_on(closes_after_reading)
    async with stripe_at(peer.url) as gateway:
        assert isinstance(await gateway.refund(ORDER), Indeterminate)
        assert isinstance(await gateway.look_up(ORDER), Indeterminate)
    async with stripe_at("http://127.0.0.1:1") as gateway:
        assert isinstance(await gateway.refund(ORDER), Unavailable)
        assert isinstance(await gateway.look_up(ORDER), Indeterminate)


# The settings.


def test_stripe_has_an_address_of_its_own_and_needs_a_key():
    configured = Settings(payments_provider="stripe", payments_token="sk_test_1")
    assert configured.payments_url == "https://api.stripe.com"
    elsewhere = Settings(
        payments_provider="stripe", payments_token="sk_test_1", payments_url="http://127.0.0.1:1"
    )
    assert elsewhere.payments_url == "http://127.0.0.1:1"
    assert Settings().payments_url is None
    with pytest.raises(ValidationError, match="PAYMENTS_TOKEN"):
        Settings(payments_provider="stripe")
