"""A success that Stripe takes back: looked up, told, and open to be tried again."""

import asyncio
import json

import pytest
import sqlalchemy as sa
from integration.cancellations.stripe_hooks.events import (
    TYPES,
    hook,
    payment_of,
    post_standard,
    run,
)

from app.db import tables
from app.db.refunds import outcomes
from app.db.refunds.outcomes import Recorded
from app.refunds import policy
from app.refunds.verify import verify as broken_rules


async def histories(studio):
    columns = (
        tables.refund_history.c.status,
        tables.refund_history.c.actor,
        tables.refund_history.c.failure_code,
    )
    async with studio.db.read() as conn:
        query = sa.select(*columns).join(
            tables.refunds, tables.refunds.c.id == tables.refund_history.c.refund_id
        )
        found = await conn.execute(
            query.where(tables.refunds.c.method == "payment").order_by(tables.refund_history.c.id)
        )
        return list(map(tuple, found))


@pytest.mark.parametrize(
    ("type_", "status", "reason", "code"),
    [
        ("refund.failed", "failed", "expired_or_canceled_card", "expired_or_canceled_card"),
        ("refund.updated", "failed", "declined", "declined"),
        ("charge.refund.updated", "canceled", None, "canceled"),
    ],
)
async def test_a_success_that_stripe_takes_back_is_a_failure_with_its_reason_and_can_be_tried_again(
    studio, refunded, peer, type_, status, reason, code
):
    peer.end(status, failure_reason=reason)
    await hook(studio, peer.refunds[0], type_=type_)
    assert studio.queue.woken == [refunded["id"]]
    doubted = await payment_of(studio, refunded)
    assert (doubted["status"], doubted["settled_at"]) == ("processing", None)
    assert (await studio.job(refunded["id"]))["status"] == "running"
    assert await broken_rules(studio.db) == []
    assert await run(studio, refunded) is None
    failed = await payment_of(studio, refunded)
    assert (failed["status"], failed["failure_code"], failed["upstream_reference"]) == (
        "rejected",
        code,
        "re_1",
    )
    assert (await studio.job(refunded["id"]))["status"] == "completed_with_failures"
    assert (await studio.audit(refunded["id"])).statuses() == {"rejected": 1, "succeeded": 1}
    assert (await histories(studio))[-4:] == [
        ("succeeded", "worker", None),
        ("processing", "hook:stripe", None),
        ("processing", "worker", None),
        ("rejected", "worker", code),
    ]
    assert (peer.look_ups, len(peer.refunds)) == (1, 1)
    assert await broken_rules(studio.db) == []
    answer = await studio.post(f"/bulk-cancellations/{refunded['id']}/retry")
    assert answer.status_code == 202, answer.text
    await run(studio, refunded)
    assert [one["status"] for one in peer.refunds] == ["pending", status]
    assert peer.keys == [failed["id"], f"{failed['id']}.1"]
    peer.refunds[0]["status"] = "succeeded"
    await hook(studio, peer.refunds[0])
    await run(studio, refunded)
    again = await payment_of(studio, refunded)
    assert (again["status"], again["upstream_reference"]) == ("succeeded", "re_2")
    # What is said of the one that failed is no news of the one that succeeded.
    before = await studio.rows(tables.refunds)
    await hook(studio, peer.refunds[1], type_="refund.failed")
    assert await studio.rows(tables.refunds) == before
    assert await broken_rules(studio.db) == []


async def test_that_a_success_was_taken_back_is_not_believed_but_looked_up(studio, refunded, peer):
    before = await payment_of(studio, refunded)
    await hook(
        studio,
        peer.refunds[0] | {"status": "failed", "failure_reason": "declined"},
        type_="refund.failed",
    )
    assert (await studio.job(refunded["id"]))["status"] == "running"
    assert await run(studio, refunded) is None
    after = await payment_of(studio, refunded)
    assert (await studio.job(refunded["id"]))["status"] == "completed"
    assert after | {"settled_at": None} == before | {"settled_at": None}
    assert after["settled_at"] > before["settled_at"]
    assert peer.look_ups == 1
    assert await broken_rules(studio.db) == []


async def test_a_success_is_doubted_once_for_each_event(studio, refunded, peer):
    said = peer.refunds[0] | {"status": "failed"}
    for _ in range(4):
        await asyncio.gather(
            *(hook(studio, said, event_id="evt_same", type_="refund.failed") for _ in range(3))
        )
        await run(studio, refunded)
    assert peer.look_ups == 1
    assert [status for status, *_ in await histories(studio)].count("succeeded") == 2


async def test_a_success_is_not_doubted_for_anything_else_that_stripe_says(studio, refunded, peer):
    before = await studio.rows(tables.refunds), await studio.rows(tables.jobs)
    ours = peer.refunds[0]
    for said in (
        *(
            {"status": status}
            for status in ("succeeded", "pending", "requires_action", "new", None, ["failed"])
        ),
        *({"status": "failed", "id": refund_id} for refund_id in ("re_2", "", None, ["re_1"])),
        {"status": "failed", "object": "charge"},
        {"status": "failed", "metadata": {}},
    ):
        for type_ in TYPES:
            await hook(studio, ours | said, type_=type_)
    assert (await studio.rows(tables.refunds), await studio.rows(tables.jobs)) == before
    assert (studio.queue.woken, peer.look_ups) == ([], 0)


async def test_no_other_service_takes_a_success_back(studio, refunded, peer):
    before = await studio.rows(tables.refunds)
    refund = await payment_of(studio, refunded)
    body = {"id": refund["upstream_reference"], "reference": refund["id"], "status": "failed"}
    answer = await post_standard(
        studio, "evt_other", json.dumps({"type": "refund.updated", "data": body})
    )
    assert answer.status_code == 204, answer.text
    assert await studio.rows(tables.refunds) == before


async def test_a_refund_that_a_person_closed_is_not_opened_by_a_success_taken_back(
    studio, refunded, peer
):
    async with studio.db.write() as conn:
        [refund_id] = await conn.scalars(
            sa.select(tables.refunds.c.id).where(tables.refunds.c.method == "payment")
        )
        await conn.execute(
            sa.update(tables.refunds)
            .where(tables.refunds.c.id == refund_id)
            .values(status="resolved")
        )
    before = await studio.rows(tables.refunds)
    await hook(studio, peer.refunds[0] | {"status": "failed"}, type_="refund.failed")
    assert await studio.rows(tables.refunds) == before


async def test_who_follows_a_job_hears_of_its_success_and_then_of_its_failure(
    studio, live, refunded, peer
):
    path = f"/v1/bulk-cancellations/{refunded['id']}/audit.csv"
    peer.end("failed", failure_reason="declined")
    await hook(studio, peer.refunds[0], type_="refund.failed")
    said = asyncio.create_task(live.get(path, params={"follow": "true"}))
    await asyncio.sleep(0.3)
    assert not said.done(), "the job goes on"
    await run(studio, refunded)
    lines = [line for line in (await said).text.splitlines() if "payment" in line]
    assert ["rejected" in line for line in lines if "re_1" in line] == [True]


async def test_who_heard_of_a_success_before_it_was_taken_back_is_late(studio, refunded, peer):
    async with studio.db.read() as conn:
        query = sa.select(tables.refunds.c.id, tables.refunds.c.epoch).where(
            tables.refunds.c.method == "payment"
        )
        refund_id, epoch = (await conn.execute(query)).one()
    late = Recorded(refund_id, epoch, policy.succeeded("re_1"))

    async def told_late():
        async with studio.db.write() as conn:
            return await outcomes.record(
                conn, refunded["id"], [late], actor="worker", heartbeat_seconds=30
            )

    peer.end("failed", failure_reason="declined")
    await hook(studio, peer.refunds[0], type_="refund.failed")
    assert await told_late() == []
    await run(studio, refunded)
    assert await told_late() == []
    assert (await payment_of(studio, refunded))["status"] == "rejected"
    # A success of the next try counts, whoever heard it.
    await studio.post(f"/bulk-cancellations/{refunded['id']}/retry")
    late = Recorded(refund_id, epoch + 3, policy.succeeded("re_2"))
    assert await told_late() == [refund_id]
