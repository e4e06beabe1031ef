"""Stripe's hooks: counted once, never believed, and never lost.

A Stripe with books of its own is the judge.
"""

import asyncio
import dataclasses
import json

import pytest
import sqlalchemy as sa
from integration.cancellations.stripe_hooks.events import (
    TYPES,
    evt,
    hook,
    payment_of,
    post,
    post_standard,
    run,
    signed,
)
from worlds.problems import refused_at

from app.db import tables
from app.refunds.slices.run import run_slice

# What a hook saves.


@pytest.mark.parametrize("type_", TYPES)
async def test_a_refund_that_was_to_be_looked_up_later_is_looked_up_at_once(
    studio, pending, peer, type_
):
    studio.queue.woken.clear()
    peer.end("succeeded")
    assert await run(studio, pending) > 0  # nothing is due yet
    assert peer.look_ups == 0
    await hook(studio, peer.refunds[0], type_=type_)
    assert studio.queue.woken == [pending["id"]]
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"
    assert (await studio.job(pending["id"]))["status"] == "completed"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


@pytest.mark.parametrize(
    "said", [{"status": "failed", "failure_reason": "declined"}, {"amount": 1}, {"status": None}]
)
async def test_nothing_that_a_hook_says_is_believed(studio, pending, peer, said):
    peer.end("succeeded")
    await hook(studio, peer.refunds[0] | said)
    await run(studio, pending)
    refund = await payment_of(studio, pending)
    assert (refund["status"], refund["amount_minor"]) == ("succeeded", 2000)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        ("failed", "lost_or_stolen_card", "lost_or_stolen_card"),
        ("failed", None, "failed"),
        ("canceled", None, "canceled"),
    ],
)
async def test_a_refund_that_ends_badly_is_rejected_with_its_reason_and_not_sent_again(
    studio, pending, peer, status, reason, code
):
    peer.end(status, failure_reason=reason)
    await hook(studio, peer.refunds[0], type_="refund.failed")
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    for _ in range(3):  # nor does anything that Stripe says later have it sent again
        await hook(studio, peer.refunds[0])
        await run(studio, pending)
    refund = await payment_of(studio, pending)
    assert (refund["status"], refund["failure_code"], refund["upstream_reference"]) == (
        "rejected",
        code,
        "re_1",
    )
    assert f"Stripe says {status}" in refund["failure_detail"]
    assert len(peer.refunds) == 1


# Once each, in any order.


async def test_an_event_counts_once_however_often_it_comes(studio, pending, peer):
    refund = peer.refunds[0]
    await asyncio.gather(*(hook(studio, refund, event_id="evt_same") for _ in range(5)))
    await run(studio, pending)
    for _ in range(5):
        await hook(studio, refund, event_id="evt_same")
        await run(studio, pending)
    assert peer.look_ups == 1
    await hook(studio, refund, event_id="evt_another")
    await run(studio, pending)
    assert peer.look_ups == 2


async def test_an_id_of_stripes_is_not_an_id_of_another_service(studio, pending, peer):
    reference = peer.refunds[0]["metadata"]["reference"]
    body = json.dumps({"type": "refund.updated", "data": {"reference": reference}})
    assert (await post_standard(studio, "evt_same", body)).status_code == 204
    await run(studio, pending)
    peer.end("succeeded")
    await hook(studio, peer.refunds[0], event_id="evt_same")
    assert await run(studio, pending) is None
    assert (await payment_of(studio, pending))["status"] == "succeeded"


async def test_events_out_of_order_leave_the_same_books(studio, pending, peer):
    before = peer.refunds[0] | {}
    peer.end("succeeded")
    await hook(studio, peer.refunds[0], type_="refund.updated")
    await run(studio, pending)
    rows = await studio.rows(tables.refunds)
    for type_ in ("charge.refund.updated", "refund.failed", "refund.created"):
        await hook(studio, before, type_=type_)
        await run(studio, pending)
    assert await studio.rows(tables.refunds) == rows
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_an_event_that_comes_before_our_own_commit_is_not_lost(studio, accepted, peer):
    async def tell(refund):
        """The refund is done and the hook is out while the answer `pending` is on its way."""
        peer.end("succeeded")
        await hook(studio, refund, type_="refund.created")

    peer.before_answer = tell
    # The refund is due again at once, perhaps in the same slice.
    if (again_in := await run(studio, accepted)) is not None:
        assert again_in == 0
        assert await run(studio, accepted) is None
    assert (await payment_of(studio, accepted))["status"] == "succeeded"
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)


async def test_a_refund_that_was_given_up_while_processing_is_looked_up_again(
    studio, pending, peer
):
    async with studio.db.write() as conn:
        await conn.execute(
            sa.update(tables.refunds)
            .where(tables.refunds.c.due_at.is_not(None))
            .values(due_at=sa.func.now())
        )
    impatient = studio.runtime.settings.model_copy(update={"give_up_after_seconds": 0.0})
    await run_slice(
        dataclasses.replace(studio.runtime, settings=impatient), pending["id"], seconds=5
    )
    assert (await payment_of(studio, pending))["failure_code"] == "gave_up"
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert (await studio.rows(tables.refund_history))[-1].count("hook:stripe") == 1
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"status": "requires_action"}, "requires_action"),
        ({"status": "pending", "pending_reason": "insufficient_funds"}, "insufficient_funds"),
    ],
)
async def test_what_a_refund_waits_for_is_shown_and_a_machine_waits_with_it(
    studio, pending, peer, shown, reason
):
    peer.refunds[0].update(shown)
    impatient = studio.runtime.settings.model_copy(update={"give_up_after_seconds": 0.0})
    # Each look begins with what the one before has left, and the last is told nothing.
    for peer.is_ill in (False, False, True):
        async with studio.db.write() as conn:
            due = tables.refunds.c.due_at.is_not(None)
            await conn.execute(sa.update(tables.refunds).where(due).values(due_at=sa.func.now()))
        await run_slice(
            dataclasses.replace(studio.runtime, settings=impatient), pending["id"], seconds=5
        )
        payment = await payment_of(studio, pending)
        assert (payment["status"], payment["failure_code"]) == ("processing", reason)
        assert payment["failure_detail"]
        assert (await studio.job(pending["id"]))["status"] == "running"
    peer.is_ill = False
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert await run(studio, pending) is None
    payment = await payment_of(studio, pending)
    assert (payment["status"], payment["failure_code"], payment["failure_detail"]) == (
        "succeeded",
        None,
        None,
    )


# Not for us.


async def test_events_of_other_types_are_answered_and_not_read_further(studio, pending, peer):
    before = await studio.everything()
    ours = peer.refunds[0]
    charge = {
        "id": "ch_1",
        "object": "charge",
        "metadata": ours["metadata"],
        "refunds": {"data": [ours]},
    }
    for type_, object_ in (
        ("charge.refunded", charge),
        ("charge.refunded", ours),
        ("refund.reversed", ours),
        ("payment_intent.succeeded", None),
        ("v2.core.event_destination.ping", ["?"]),
    ):
        await hook(studio, object_, type_=type_)
    body = json.dumps({"id": 7, "type": "payout.paid"})
    assert (await post(studio, body, signed(body))).status_code == 204
    assert await studio.everything() == before


async def test_a_refund_that_is_not_ours_is_answered_and_changes_nothing(studio, pending, peer):
    before = await studio.everything()
    ours = peer.refunds[0]
    unknown = (
        "019aab00-0000-7000-8000-0000000000f1",
        "order 7",
        "' OR 1=1",
        "x" * 500,
        "a\x00b",
        "",
    )
    for object_ in (
        *(
            ours | {"metadata": metadata}
            for metadata in (None, {}, {"order": "7"}, ["reference"], "reference")
        ),
        *(ours | {"metadata": {"reference": reference}} for reference in (None, 7, {}, *unknown)),
        ours | {"object": "charge"},
        {name: value for name, value in ours.items() if name != "metadata"},
        {},
    ):
        await hook(studio, object_)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after


async def test_stripe_speaks_only_of_payments(studio, accepted, peer):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, accepted)
    before = await studio.rows(tables.refunds)
    [credit] = [one for one in await studio.refunds(accepted["id"]) if one["method"] == "credit"]
    assert credit["status"] == "processing"
    await hook(studio, peer.refunds[0] | {"metadata": {"reference": credit["id"]}})
    assert await studio.rows(tables.refunds) == before


NO_EVENTS = {
    "{": (400, None),
    "": (400, None),
    "[" * 5000: (400, None),
    "[]": (422, ""),
    "{}": (422, "/type"),
    '{"type": 7}': (422, "/type"),
    '{"type": "refund.updated", "data": {"object": {}}}': (422, "/id"),
    '{"type": "refund.updated", "id": "", "data": {"object": {}}}': (422, "/id"),
    '{"type": "refund.updated", "id": "evt_\\u0000", "data": {"object": {}}}': (422, "/id"),
    json.dumps({"type": "refund.updated", "id": "e" * 256, "data": {"object": {}}}): (422, "/id"),
    '{"type": "refund.updated", "id": "evt_1"}': (422, "/data"),
    '{"type": "refund.updated", "id": "evt_1", "data": {}}': (422, "/data/object"),
    '{"type": "refund.updated", "id": "evt_1", "data": {"object": "re_1"}}': (422, "/data/object"),
}


async def test_a_body_that_is_no_event_is_refused_by_its_field(studio, pending):
    before = await studio.everything()
    for body, (status, pointer) in NO_EVENTS.items():
        answer = await post(studio, body, signed(body))
        refused_at(answer, status, pointer, body)
    body = evt({})
    assert (
        await post(studio, body, signed(body) | {"content-type": "text/plain"})
    ).status_code == 415
    assert await studio.everything() == before
