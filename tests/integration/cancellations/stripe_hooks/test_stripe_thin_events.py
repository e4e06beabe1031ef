"""Stripe's thin events, which name a refund and say nothing of it."""

import json

import pytest
from integration.cancellations.stripe_hooks.events import ids, payment_of, post, run, signed

from app.db.access import stripe_accounts
from app.db.access.stripe_accounts import StripeAccount

# Thin events, which name the refund by Stripe's own id and hold nothing of it.


def thin(refund_id, *, type_="v1.refund.updated", **members):
    """An event as Stripe sends it of API version 2026-09-30."""
    head = {
        "id": next(ids),
        "object": "v2.core.event",
        "created": "2026-11-23T06:00:00.000Z",
        "livemode": False,
    }
    related = {"id": refund_id, "type": "refund", "url": f"/v1/refunds/{refund_id}"}
    return json.dumps(head | {"type": type_, "related_object": related} | members)


async def thin_hook(studio, refund_id, **members):
    body = thin(refund_id, **members)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, answer.content) == (204, b""), answer.text


@pytest.mark.parametrize("type_", ["v1.refund.created", "v1.refund.updated", "v1.refund.failed"])
async def test_a_thin_event_has_its_refund_looked_up_at_once(studio, pending, peer, type_):
    peer.end("succeeded")
    await thin_hook(studio, "re_1", type_=type_)
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_a_thin_event_counts_once(studio, pending, peer):
    for _ in range(3):
        await thin_hook(studio, "re_1", id="evt_thin_same")
        await run(studio, pending)
    assert peer.look_ups == 1


async def test_a_success_that_a_thin_event_takes_back_is_a_failure_with_its_reason(
    studio, refunded, peer
):
    peer.end("failed", failure_reason="expired_or_canceled_card")
    await thin_hook(studio, "re_1", type_="v1.refund.updated")
    await run(studio, refunded)
    # An update alone puts nothing in doubt.
    assert (await payment_of(studio, refunded))["status"] == "succeeded"
    await thin_hook(studio, "re_1", type_="v1.refund.failed")
    await run(studio, refunded)
    refund = await payment_of(studio, refunded)
    assert (refund["status"], refund["failure_code"]) == ("rejected", "expired_or_canceled_card")


async def test_a_thin_event_of_another_account_or_of_an_unknown_refund_changes_nothing(
    studio, pending, peer
):
    before = await studio.everything()
    await thin_hook(studio, "re_1", context="acct_another")
    await thin_hook(studio, "re_2")
    await thin_hook(studio, "rf_1")
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after
    async with studio.db.write() as conn:
        await stripe_accounts.put(conn, "studio", StripeAccount("acct_studio"))
    before = await studio.everything()
    await thin_hook(studio, "re_1")  # at no connected account, where the studio's payments are not
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after
    await thin_hook(studio, "re_1", context="acct_studio")
    await run(studio, pending)
    assert peer.look_ups == 1


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"related_object": None}, "/related_object"),
        ({"related_object": {"type": "refund"}}, "/related_object/id"),
        ({"context": 7}, "/context"),
        ({"id": ""}, "/id"),
    ],
)
async def test_a_thin_event_that_is_none_is_refused_by_its_field(studio, pending, members, pointer):
    before = await studio.everything()
    body = thin("re_1", **members)
    answer = await post(studio, body, signed(body))
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (
        422,
        [pointer],
    )
    assert await studio.everything() == before
