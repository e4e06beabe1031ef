"""What happened is told of once, whoever records it; what can't be told has not happened."""

import asyncio
from collections import Counter

import pytest
import sqlalchemy as sa
from integration.webhooks.telling import kinds, since

from app.db import tables
from app.db.jobs import job_events
from app.db.refunds import claims, outcomes
from app.db.refunds.outcomes import Recorded
from app.domain.refund_update import RefundUpdate
from app.refunds.slices import recover
from app.refunds.slices.run import run_slice

# Exactly once, whoever records.


async def claimed_by_hand(studio, job):
    """A payment's refund while its call is under way."""
    await studio.faults(answer_503=1)
    await run_slice(studio.runtime, job["id"], seconds=5)  # writes the rows, and sends nothing
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now(), status="pending"))
        [one] = await claims.claim(conn, job["id"], "payment", most=1, lease_seconds=30)
    return one


def came(claimed, status, *, epoch=None, due_in_seconds=None):
    update = RefundUpdate(
        status,
        due_in_seconds,
        definitive=status == "succeeded",
        upstream_reference=None if status == "rejected" else "rf_1",
        failure_code="no" if status == "rejected" else None,
    )
    return Recorded(claimed.id, claimed.epoch if epoch is None else epoch, update)


async def record(studio, job, *group):
    async with studio.db.write() as conn:
        return await outcomes.record(conn, job["id"], group, actor="worker", heartbeat_seconds=30)


async def test_a_success_that_many_record_is_told_of_once(told, classes):
    job = await classes.accepted(["yoga"])
    claimed = await claimed_by_hand(classes, job)
    before = await told.events()
    # This is an old claim's word.
    await record(classes, job, came(claimed, "rejected", epoch=claimed.epoch - 1))
    await record(classes, job, came(claimed, "processing", due_in_seconds=60.0))  # no end
    assert await since(told, before) == []
    changed = await asyncio.gather(
        *(
            record(classes, job, came(claimed, "succeeded", epoch=epoch))
            for epoch in (claimed.epoch, 0, claimed.epoch, 0)
        )
    )
    assert sorted(map(len, changed)) == [0, 0, 0, 1]
    await record(classes, job, came(claimed, "rejected"))
    assert [(kind, data["refund_id"]) for kind, data in await since(told, before)] == [
        ("refund.succeeded", claimed.id)
    ]


async def test_a_success_that_is_recorded_again_beside_another_is_not_told_of_again(told, classes):
    await classes.booking("more", "yoga", ("CAD", 100))
    job = await classes.accepted(["yoga"])
    first = await claimed_by_hand(classes, job)
    async with classes.db.write() as conn:
        [second] = await claims.claim(conn, job["id"], "payment", most=1, lease_seconds=30)
    before = await told.events()
    await record(classes, job, came(first, "succeeded"))
    await record(classes, job, came(first, "succeeded"), came(second, "succeeded"))
    assert [data["refund_id"] for _, data in await since(told, before)] == [first.id, second.id]


async def test_a_success_that_comes_after_a_refusal_is_told_of_too_and_may_be_the_end(
    told, classes
):
    job = await classes.accepted(["yoga"])
    claimed = await claimed_by_hand(classes, job)
    before = await told.events()
    await record(classes, job, came(claimed, "rejected"))
    await classes.faults()
    await classes.work(job["id"])
    await record(classes, job, came(claimed, "succeeded", epoch=0))
    events = await since(told, before)
    of_it = [kind for kind, data in events if data.get("refund_id") == claimed.id]
    ends = [data["status"] for kind, data in events if kind == "bulk_cancellation.completed"]
    assert (of_it, ends) == (
        ["refund.failed", "refund.succeeded"],
        ["completed_with_failures", "completed"],
    )


async def test_workers_beside_each_other_tell_of_each_refund_once(told, studio):
    await studio.session("yoga")
    for n in range(40):
        await studio.booking(f"b{n}", "yoga", ("CAD", 2000), ("credits", 1))
    job = await studio.accepted()
    await asyncio.gather(*(run_slice(studio.runtime, job["id"], seconds=5) for _ in range(3)))
    events = await told.events()
    assert Counter(
        data["refund_id"] for kind, data in events if kind == "refund.succeeded"
    ) == dict.fromkeys((one["id"] for one in await studio.refunds(job["id"])), 1)
    assert kinds(events)["bulk_cancellation.completed"] == 1


# In one transaction: where the event can't be written, what it reports has not happened.


async def without(told, studio, step):
    """Take a step while no event can be written.

    Gives what was there before, unless the step was let through.
    """
    before = await studio.everything()
    async with told.refusing("webhook_events"):
        await step()
    return before


async def test_an_acceptance_that_can_t_be_told_has_not_happened(told, classes):
    async def step():
        assert (await classes.cancel()).status_code == 500

    assert await without(told, classes, step) == await classes.everything()
    assert (await classes.get("/sessions/yoga"))["status"] == "scheduled"


async def test_a_withdrawal_that_can_t_be_told_has_not_happened(told, classes):
    job = await classes.accepted(hold_seconds=600)

    async def step():
        assert (await classes.post(f"/bulk-cancellations/{job['id']}/withdraw")).status_code == 500

    assert await without(told, classes, step) == await classes.everything()


async def test_outcomes_that_can_t_be_told_are_not_recorded_but_looked_up_and_then_told(
    told, classes
):
    job = await classes.accepted(["yoga"])
    before = await told.events()

    async def step():
        with pytest.raises(BaseException, match=r"refused|unhandled errors"):
            await run_slice(classes.runtime, job["id"], seconds=5)

    await without(told, classes, step)
    statuses = {one["status"] for one in await classes.refunds(job["id"])}
    assert statuses <= {"submitted", "pending"}
    assert len((await classes.books())["effects"]) >= 1
    assert await since(told, before) == []
    async with classes.db.write() as conn:  # the leases end
        await conn.execute(sa.update(tables.refunds).values(due_at=tables.now()))
    await classes.work(job["id"])
    assert kinds(await since(told, before)) == {
        "refund.succeeded": 2,
        "client.settled": 1,
        "bulk_cancellation.completed": 1,
    }
    assert (await classes.books())["twice"] == {}


async def test_an_end_that_can_t_be_told_has_not_come(told, studio):
    await studio.session("spin")
    job = await studio.accepted()

    async def step():
        with pytest.raises(Exception, match="refused"):
            await run_slice(studio.runtime, job["id"], seconds=5)

    before = await told.events()
    await without(told, studio, step)
    shown = await studio.job(job["id"])
    assert (shown["status"], shown["finished_at"]) == ("running", None)
    async with studio.db.write() as conn:
        await conn.execute(sa.update(tables.jobs).values(due_at=tables.now()))
    assert await recover.due_jobs(studio.runtime, limit=5) == [job["id"]]
    await studio.work(job["id"])
    assert kinds(await since(told, before)) == {"bulk_cancellation.completed": 1}


async def test_a_resolution_that_ends_a_job_and_can_t_be_told_has_not_happened(told, classes):
    await classes.faults(refuse_ids={"card-payment-1": "payment_disputed"})
    job = await classes.accepted()
    await classes.work(job["id"])
    [refund] = await classes.refunds(job["id"], status="rejected")

    async def step():
        path = f"/bulk-cancellations/{job['id']}/refunds/{refund['id']}/resolve"
        assert (
            await classes.post(path, resolution="waived", reference="note 7")
        ).status_code == 500

    assert await without(told, classes, step) == await classes.everything()


async def test_what_is_rolled_back_has_told_nothing(told):
    before = await told.events()

    async def step():
        async with told.db.write() as conn:
            await job_events.withdrawn(conn, "studio", "j")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await step()
    assert await told.events() == before
    assert await told.deliveries(told.everything) == {}
