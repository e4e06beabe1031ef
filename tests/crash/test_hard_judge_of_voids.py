"""localstripe judges voids: a Stripe that somebody else wrote, read by Stripe's own library.

It forgets keys and refuses what is not to be cancelled; it knows no amounts to capture, and its
reasons have no codes.
"""

import asyncio
from dataclasses import replace

from crash.localstripe_books import KEY, relay
from integration.stripe.answers import ORDER, stripe_at

from app.domain.statuses import RefundForm
from app.gateways.outcomes import Absent, Indeterminate, Rejected, Succeeded

VOID = replace(ORDER, form=RefundForm.VOID)


def asked(url, *calls):
    """What the gateway says to these calls, one after another: `(its name, the order)`."""

    async def ask():
        async with stripe_at(url, payments_token=KEY) as gateway:
            return [await getattr(gateway, name)(order) for name, order in calls]

    return asyncio.run(ask())


def test_an_authorisation_is_let_go_once_and_known_for_ours(found_localstripe):
    localstripe = found_localstripe()
    intent = localstripe.authorise(2500, "EUR")
    of_intent = replace(VOID, payment_id=intent.id)
    of_charge = replace(VOID, payment_id=intent.latest_charge["id"])
    none, made, again, found, by_charge, by_its_charge = asked(
        localstripe.url,
        ("look_up", of_intent),
        ("refund", of_intent),
        ("refund", of_intent),
        ("look_up", of_intent),
        ("look_up", of_charge),
        ("refund", of_charge),
    )
    assert none == Absent()
    assert {made, again, found, by_charge, by_its_charge} == {Succeeded(intent.id)}
    assert localstripe.stripe.payment_intents.retrieve(intent.id).status == "canceled"
    assert not list(localstripe.stripe.refunds.list({"payment_intent": intent.id}))


def test_what_is_captured_is_not_let_go_and_what_is_cancelled_by_hand_not_ours(found_localstripe):
    localstripe = found_localstripe()
    captured, by_hand = localstripe.authorise(2500, "EUR"), localstripe.authorise(2500, "EUR")
    localstripe.stripe.payment_intents.capture(captured.id)
    localstripe.stripe.payment_intents.cancel(by_hand.id)
    orders = [replace(VOID, payment_id=one.id) for one in (captured, by_hand)]
    calls = [(name, order) for order in orders for name in ("refund", "look_up")]
    late, none, elsewhere, nothing_of_ours = asked(localstripe.url, *calls)
    assert isinstance(late, Rejected)
    assert late.code == "already_captured"
    assert isinstance(elsewhere, Rejected)
    assert elsewhere.code == "already_refunded"
    assert {none, nothing_of_ours} == {Absent()}
    assert localstripe.stripe.payment_intents.retrieve(captured.id).status == "succeeded"


def test_an_answer_that_is_lost_is_found_by_its_look_up(found_localstripe):
    localstripe = found_localstripe()
    order = replace(VOID, payment_id=localstripe.authorise(2500, "EUR").id)

    def cut(request, send):
        if b"/cancel " not in request.split(b"\r\n", 1)[0]:
            return False
        send()
        return True

    with relay(localstripe.port, cut) as url:
        lost, found = asked(url, ("refund", order), ("look_up", order))
    assert isinstance(lost, Indeterminate)
    assert found == Succeeded(order.payment_id)


def test_a_cancellation_that_never_arrived_is_absent_and_made_by_the_next(found_localstripe):
    localstripe = found_localstripe()
    order = replace(VOID, payment_id=localstripe.authorise(2500, "EUR").id)
    heard = []

    def cut(request, send):
        heard.append(request)
        return b"/cancel " in request.split(b"\r\n", 1)[0]

    with relay(localstripe.port, cut) as url:
        lost, found = asked(url, ("refund", order), ("look_up", order))
    assert isinstance(lost, Indeterminate)
    assert found == Absent()
    assert sum(b"/cancel " in one for one in heard) == 1
    made, found = asked(localstripe.url, ("refund", order), ("look_up", order))
    assert made == found == Succeeded(order.payment_id)
