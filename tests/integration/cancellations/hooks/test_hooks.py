"""Hooks in: signed, counted once, never believed, and never lost.

The sandbox's count of look-ups is the judge.
"""

import asyncio
import datetime as dt
import json

import pytest
import sqlalchemy as sa
from integration.cancellations.hooks.sent import (
    about,
    clock,
    due_in,
    hook,
    look_ups,
    post,
    refund_of,
    run,
    signed,
)
from worlds.problems import refused_at

from app.auth.platform import businesses
from app.db import tables

# What a hook saves.


@pytest.mark.parametrize(("service", "method"), [("payments", "payment"), ("credits", "credit")])
async def test_a_refund_that_was_to_be_looked_up_later_is_looked_up_at_once(
    studio, pending, service, method
):
    assert await run(studio, pending) > 1
    refund = await refund_of(studio, pending, method)
    assert refund["status"] == "processing"
    studio.queue.woken.clear()
    await hook(studio, refund["id"], service)
    assert studio.queue.woken == [pending["id"]]
    async with studio.db.read() as conn:
        due_at = await conn.scalar(sa.select(tables.jobs.c.due_at))
    assert due_at <= await clock(studio)
    assert await run(studio, pending) > 0
    assert (await refund_of(studio, pending, method))["status"] == "succeeded"
    other = {"payments": "credits", "credits": "payments"}[service]
    assert (await look_ups(studio, service), await look_ups(studio, other)) == (1, 0)


async def test_a_hook_about_a_suspended_business_is_heard(studio, pending):
    await run(studio, pending)
    refund = await refund_of(studio, pending, "payment")
    await businesses.change(studio.db, "studio", {"suspended_because": "unpaid"})
    studio.queue.woken.clear()
    await hook(studio, refund["id"], "payments")
    assert studio.queue.woken == [pending["id"]]
    await studio.work(pending["id"])
    await businesses.change(studio.db, "studio", {"suspended_because": None})
    assert (await studio.job(pending["id"]))["status"] == "completed"


async def test_without_a_hook_nothing_is_looked_up_before_its_time_and_polling_ends_the_job(
    studio, pending
):
    await run(studio, pending)
    await due_in(studio, 3_600)
    assert await run(studio, pending) > 0
    assert await look_ups(studio) == 0
    await due_in(studio, 0)
    await studio.work(pending["id"])
    assert (await studio.job(pending["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    "said", [{"status": "failed", "failure_code": "no"}, {"amount_minor": 1}, {"status": None}]
)
async def test_nothing_that_a_hook_says_is_believed(studio, pending, said):
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await hook(studio, refund["id"], **said)
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    assert (refund["status"], refund["amount_minor"]) == ("succeeded", 2000)


async def test_a_hook_that_says_succeeded_too_early_ends_nothing(studio, pending):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await hook(studio, refund["id"], status="succeeded")
    await run(studio, pending)
    assert (await refund_of(studio, pending))["status"] == "processing"
    assert await look_ups(studio) == 1


# Once each.


async def test_an_event_counts_once_however_often_it_comes(studio, pending):
    await studio.faults(pending=1, pending_then="never")
    await run(studio, pending)
    refund = await refund_of(studio, pending)
    await due_in(studio, 3_600)
    await asyncio.gather(*(hook(studio, refund["id"], event_id="msg_same") for _ in range(5)))
    await run(studio, pending)
    await due_in(studio, 3_600)
    for _ in range(5):
        await hook(studio, refund["id"], event_id="msg_same")
        await run(studio, pending)
    assert await look_ups(studio) == 1
    await hook(studio, refund["id"], event_id="msg_another")
    await run(studio, pending)
    assert await look_ups(studio) == 2


async def test_an_id_of_one_service_is_not_an_id_of_the_other(studio, pending):
    await run(studio, pending)
    for service, method in (("payments", "payment"), ("credits", "credit")):
        await hook(
            studio, (await refund_of(studio, pending, method))["id"], service, event_id="msg_same"
        )
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"


async def test_events_are_forgotten_after_a_week_some_with_each_new_one(studio, pending):
    now = await clock(studio)
    old = [
        {"source": "payments", "event_id": f"old-{n}", "received_at": now - dt.timedelta(days=8)}
        for n in range(15)
    ]
    young = {"source": "payments", "event_id": "young", "received_at": now - dt.timedelta(days=6)}
    async with studio.db.write() as conn:
        await conn.execute(sa.insert(tables.hook_events), [*old, young])
    left = []
    for _ in range(2):
        await hook(studio, "nobody's")
        left.append(len(await studio.rows(tables.hook_events)))
    assert left == [16 + 1 - 10, 7 + 1 - 5]
    assert "young" in str(await studio.rows(tables.hook_events))


# Not for us.


async def test_a_reference_that_nobody_has_is_answered_and_changes_nothing(studio, pending):
    await run(studio, pending)
    before = await studio.everything()
    for reference in (
        "019aab00-0000-7000-8000-0000000000f1",
        "order 7",
        "' OR 1=1",
        "x" * 255,
        "a\x00b",
        "019AAB00",
    ):
        await hook(studio, reference)
    after = await studio.everything()
    assert before | {"hook_events": after["hook_events"]} == after


async def test_a_service_speaks_only_of_refunds_that_it_makes(studio, pending):
    await run(studio, pending)
    before = await studio.rows(tables.refunds)
    await hook(studio, (await refund_of(studio, pending, "payment"))["id"], "credits")
    await hook(studio, (await refund_of(studio, pending, "credit"))["id"], "payments")
    assert await studio.rows(tables.refunds) == before


async def test_hooks_of_other_types_are_answered_whatever_they_hold(studio, pending):
    before = await studio.everything()
    for data in ({"reference": 7}, None, {}, [1]):
        body = json.dumps({"type": "payout.paid", "data": data})
        assert (await post(studio, body, signed(body))).status_code == 204
    assert await studio.everything() == before


NO_HOOKS = {
    "{": (400, None),
    "": (400, None),
    "[" * 5000: (400, None),
    "[]": (422, ""),
    "{}": (422, "/type"),
    '{"type": 7}': (422, "/type"),
    '{"type": "refund.updated"}': (422, "/data"),
    '{"type": "refund.updated", "data": {}}': (422, "/data/reference"),
    '{"type": "refund.updated", "data": {"reference": ""}}': (422, "/data/reference"),
    '{"type": "refund.updated", "data": {"reference": ["r"]}}': (422, "/data/reference"),
}


async def test_a_body_that_is_no_such_hook_is_refused_by_its_field(studio, pending):
    before = await studio.everything()
    for body, (status, pointer) in NO_HOOKS.items():
        answer = await post(studio, body, signed(body))
        refused_at(answer, status, pointer, body)
    assert await studio.everything() == before


async def test_an_id_that_is_too_long_to_be_kept_and_a_body_of_another_type_are_refused(
    studio, pending
):
    body = about("r")
    answer = await post(studio, body, signed(body, event_id="m" * 256))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header:webhook-id")
    answer = await post(studio, body, signed(body) | {"content-type": "text/plain"})
    assert answer.status_code == 415
    assert await studio.rows(tables.hook_events) == []
