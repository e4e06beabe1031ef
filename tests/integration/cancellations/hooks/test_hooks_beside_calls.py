"""Hooks that come while a call or a look-up is under way, or after a refund was given up."""

import datetime as dt

import pytest
import sqlalchemy as sa
from integration.cancellations.hooks.sent import LEASE_SECONDS, clock, hook, refund_of, row_of, run

from app.db import tables
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import RefundUpdate

# Too early: our own call is not recorded yet.


async def claim(studio, job, method="payment"):
    async with studio.db.write() as conn:
        return await claims.claim(conn, job["id"], method, most=1, lease_seconds=LEASE_SECONDS)


async def record(studio, job, claimed, status, *, due_in_seconds=5.0, **said):
    update = RefundUpdate(
        status,
        due_in_seconds,
        definitive=status == "succeeded",
        upstream_reference="rf_1",
        failure_code=said.get("code"),
        failure_detail=said.get("detail"),
    )
    outcome = Recorded(claimed.id, claimed.epoch, update)
    async with studio.db.write() as conn:
        heartbeat = {"actor": "worker", "heartbeat_seconds": 30}
        assert await outcomes.record(conn, job["id"], [outcome], **heartbeat) == [claimed.id]


async def send_by_hand(studio, job):
    """The payment's row as it is while its call is under way, with the call made.

    The upstream has it as pending.
    """
    await studio.faults(answer_503=1)
    await run(studio, job)  # writes the rows, and sends nothing
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now(), status="pending"))
    await studio.faults(pending=1, pending_seconds=0)
    [claimed] = await claim(studio, job)
    body = {
        "business_id": "studio",
        "payment_id": claimed.payment_id,
        "amount_minor": 2000,
        "currency": "CAD",
    }
    body["reference"] = claimed.id
    answer = await studio.upstream.post(
        "/payments/refunds", json=body, headers={"Idempotency-Key": claimed.id}
    )
    assert answer.json()["status"] == "pending"
    return claimed


async def test_a_hook_that_comes_before_our_own_commit_is_not_lost(studio, pending):
    claimed = await send_by_hand(studio, pending)
    leased_until = (await row_of(studio, claimed.id))["due_at"]
    await hook(studio, claimed.id)
    assert (await row_of(studio, claimed.id))["due_at"] == leased_until
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    row = await row_of(studio, claimed.id)
    assert (row["status"], row["hinted_at"]) == ("processing", None)
    assert row["due_at"] <= await clock(studio)
    [again] = await claim(studio, pending)
    assert (again.id, again.status) == (claimed.id, "processing")


async def test_a_hook_that_comes_before_our_own_commit_is_remembered_through_a_wait_and_a_look(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await hook(studio, claimed.id)
    # It is sent again, and its answer is the first one's.
    await record(studio, pending, claimed, "pending", due_in_seconds=0.0)
    [claimed] = await claim(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] <= await clock(studio)


async def test_a_look_that_began_after_the_hook_was_heard_is_followed_by_none(studio, pending):
    claimed = await send_by_hand(studio, pending)
    await hook(studio, claimed.id)
    await record(studio, pending, claimed, "indeterminate", due_in_seconds=0.0)
    [claimed] = await claim(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] > await clock(studio) + dt.timedelta(
        seconds=200
    )


@pytest.mark.parametrize("status", ["submitted", "indeterminate"])
async def test_a_hook_moves_neither_a_lease_nor_a_quiet_time(studio, pending, status):
    claimed = await send_by_hand(studio, pending)
    if status == "indeterminate":
        await record(studio, pending, claimed, status, due_in_seconds=60.0)
    before = await row_of(studio, claimed.id)
    for _ in range(10):
        await hook(studio, claimed.id)
    after = await row_of(studio, claimed.id)
    assert after["status"] == status
    assert {name for name in before if before[name] != after[name]} == {"hinted_at"}
    assert await claim(studio, pending) == []


async def test_a_hook_that_comes_during_a_look_that_hears_nothing_new_has_another_follow(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=0.0)
    [looking] = await claim(studio, pending)
    await hook(studio, claimed.id)
    await record(studio, pending, looking, "processing", due_in_seconds=300.0)
    assert (await row_of(studio, claimed.id))["due_at"] <= await clock(studio)


async def test_a_hook_that_comes_during_the_last_look_keeps_the_refund_from_being_given_up(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=0.0)
    [looking] = await claim(studio, pending)
    await hook(studio, claimed.id)
    await record(
        studio,
        pending,
        looking,
        "processing",
        due_in_seconds=None,
        code="gave_up",
        detail="never said",
    )
    row = await row_of(studio, claimed.id)
    assert (row["outcome_seq"], row["settled_at"], row["failure_code"], row["failure_detail"]) == (
        None,
    ) * 4
    assert row["due_at"] <= await clock(studio)


# At rest.


async def test_a_refund_that_was_given_up_while_processing_is_looked_up_again(studio, pending):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "processing", due_in_seconds=None, code="gave_up")
    await studio.faults()
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"
    await hook(studio, claimed.id)
    assert studio.queue.woken[-1] == pending["id"]
    job = await studio.job(pending["id"])
    assert (job["status"], job["finished_at"]) == ("running", None)
    async with studio.db.read() as conn:
        query = (
            sa.select(tables.refund_history).order_by(tables.refund_history.c.id.desc()).limit(1)
        )
        last = (await conn.execute(query)).mappings().one()
    assert (last["refund_id"], last["status"], last["actor"]) == (
        claimed.id,
        "processing",
        "hook:payments",
    )
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed"
    assert (await refund_of(studio, pending))["status"] == "succeeded"
    assert (await studio.books())["twice"] == {}


async def test_only_the_refund_that_was_spoken_of_is_looked_up_again(studio, pending):
    await run(studio, pending)
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now()))
    for method in ("payment", "credit"):
        [claimed] = await claim(studio, pending, method)
        await record(studio, pending, claimed, "processing", due_in_seconds=None, code="gave_up")
    payment, credit = [
        (await refund_of(studio, pending, method))["id"] for method in ("payment", "credit")
    ]
    before = await row_of(studio, credit)
    await hook(studio, payment)
    assert (await row_of(studio, payment))["due_at"] is not None
    assert await row_of(studio, credit) == before
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed_with_failures"


async def test_a_refund_of_which_nothing_is_known_and_that_was_given_up_stays_a_person_s(
    studio, pending
):
    claimed = await send_by_hand(studio, pending)
    await record(studio, pending, claimed, "indeterminate", due_in_seconds=None, code="gave_up")
    before = await studio.rows(tables.refunds)
    await hook(studio, claimed.id)
    assert await studio.rows(tables.refunds) == before


async def test_what_is_final_stays_as_it_is(studio):
    await studio.session("yoga")
    for name in ("good", "bad", "by-hand"):
        await studio.booking(name, "yoga", ("CAD", 2000))
    await studio.booking("free", "yoga")
    refused = {"bad-payment-1": "payment_disputed", "by-hand-payment-1": "payment_disputed"}
    await studio.faults(refuse_ids=refused)
    job = await studio.accepted()
    await studio.work(job["id"])
    refunds_ = await studio.refunds(job["id"])
    [by_hand] = [one["id"] for one in refunds_ if one["booking_id"] == "by-hand"]
    path = f"/bulk-cancellations/{job['id']}/refunds/{by_hand}/resolve"
    assert (
        await studio.post(path, resolution="waived", reference="r", note="n")
    ).status_code == 200
    refunds_ = await studio.refunds(job["id"])
    assert {one["status"] for one in refunds_} == {"succeeded", "rejected", "resolved", "skipped"}
    before = await studio.everything()
    for one in refunds_:
        for status in ("failed", "succeeded", "pending"):
            await hook(studio, one["id"], status=status)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after
