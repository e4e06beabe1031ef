"""Endpoints side by side: none waits for another, and what is claimed ahead is bounded.

What receivers have heard is the judge.
"""

import asyncio
from collections import Counter

import sqlalchemy as sa
from uuid_utils import uuid7
from worlds.office import ACCEPTED, CANCELLED
from worlds.peers import hang, slow
from worlds.receivers import hook_at

from app.db.access.encrypted import webhook_secret
from app.db.core.dialect import now as db_now
from app.db.jobs.jobs import clock
from app.db.tables.webhooks import webhook_deliveries, webhook_endpoints
from app.db.webhooks import signing_secrets

# Lanes.


async def test_a_slow_endpoint_and_a_hanging_one_delay_no_healthy_one(
    office, peer_on, receiving, eventually
):
    sleepy, dead, receiver = await peer_on(slow(600)), await peer_on(hang), await receiving()
    for url in (hook_at(sleepy), hook_at(dead), receiver.url):
        await office.endpoint(url)
    async with office.worker(webhook_timeout_seconds=600):
        for so_far in range(1, 3):
            await office.tell([ACCEPTED] * 10)
            # The slow one has not answered its first, nor the hanging one been given up.
            await eventually(lambda so_far=so_far: len(receiver.heard) == 10 * so_far)
        assert sleepy.requests
        assert dead.requests


async def test_many_failing_endpoints_leave_lanes_for_healthy_ones(
    office, peer_on, receiving, eventually
):
    dead, receiver = await peer_on(hang), await receiving()
    async with office.db.write() as conn:
        failing_since = await clock(conn)
        same = {"business_id": "studio", "url": hook_at(dead), "status": "enabled"}
        same |= {"failing_since": failing_since, "created_at": failing_since}
        rows = [same | {"id": str(uuid7())} for _ in range(140)]
        await conn.execute(sa.insert(webhook_endpoints), rows)
        for row in rows:
            await keep(office, conn, row["id"], "whsec_aGFuZ3M=")
    await office.tell([ACCEPTED])
    async with office.worker(webhook_timeout_seconds=600):
        await eventually(lambda: len(dead.requests) >= 96)
        healthy = await added(office, receiver.url)
        await office.tell([CANCELLED])
        await eventually(lambda: receiver.heard)
        assert len(dead.requests) == 96
    assert (await office.shown(healthy))["failing_since"] is None


async def added(office, url):
    """An endpoint beyond the fifty of a business."""
    row = {"id": str(uuid7()), "business_id": "studio", "url": url, "status": "enabled"}
    async with office.db.write() as conn:
        await conn.execute(
            sa.insert(webhook_endpoints).values(row | {"created_at": await clock(conn)})
        )
        await keep(office, conn, row["id"], "whsec_aGVhcnM=")
    return row


async def keep(office, conn, endpoint_id, secret):
    secret_id = str(uuid7())
    sealed = office.settings.secret_box().encrypt(secret, webhook_secret(secret_id))
    await signing_secrets.add(conn, "studio", endpoint_id, id=secret_id, encrypted=sealed)


async def test_a_failing_endpoint_is_called_one_at_a_time_and_a_healthy_one_by_more_and_more(
    office, receiving
):
    most = {}
    for name, is_failing in (("failing", True), ("healthy", False)):
        calls = Counter()

        async def answer(_heard, calls=calls, is_failing=is_failing):
            calls["now"] += 1
            calls["most"] = max(calls["most"], calls["now"])
            await asyncio.sleep(0.02)
            calls["now"] -= 1
            return 500 if is_failing else 204

        endpoint = await office.endpoint((await receiving(answer)).url)
        if is_failing:
            async with office.db.write() as conn:
                failing_since = await clock(conn)
            await office.set(endpoint, failing_since=failing_since)
        await office.tell([CANCELLED] * 60)
        await office.deliver()
        most[name] = calls["most"]
        await office.call("DELETE", f"/{endpoint['id']}", code=204)
    assert most["failing"] == 1
    assert 4 < most["healthy"] <= 16


async def test_new_events_do_not_wait_for_a_call_that_hangs_at_the_same_endpoint(
    office, peer_on, eventually
):
    async def hang_once(peer, reader, writer):
        while True:
            await peer.read(reader)
            if len(peer.requests) == 1:
                await asyncio.Event().wait()
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    peer = await peer_on(hang_once)
    endpoint = await office.endpoint(hook_at(peer))
    async with office.worker(webhook_timeout_seconds=600):
        await office.test(endpoint)
        await eventually(lambda: peer.requests)
        event_id = await office.test(endpoint)
        await eventually(lambda: len(peer.requests) == 2)
    assert (await office.delivery(endpoint, event_id))["status"] == "delivered"


# What is claimed beyond what is on its way, and giving way to refunds.


class Gate:
    """Answers while it is open, and lets calls wait while not."""

    def __init__(self):
        self.code = 204
        self.answered, self.waiting, self.opened = 0, 0, asyncio.Event()
        self.opened.set()

    async def answer(self, _heard):
        self.waiting += 1
        await self.opened.wait()
        self.waiting -= 1
        self.answered += 1
        return self.code


async def claimed_count(office, **having):
    """How many deliveries are some worker's, or are to be tried again later.

    With `tries=0`, only the former.
    """
    async with office.db.read() as conn:
        query = sa.select(sa.func.count()).select_from(webhook_deliveries).filter_by(**having)
        return (
            await conn.execute(query.where(webhook_deliveries.c.due_at > db_now()))
        ).scalar_one()


async def closed_with_a_stock(office, gate, eventually):
    """Close the gate when as much is on its way as may be, and more is claimed.

    That is soon, of an endpoint that answers quickly.
    """
    await eventually(lambda: gate.answered > 60)
    while True:
        gate.opened.clear()
        await eventually(lambda: gate.waiting == 16)
        if await claimed_count(office) > 16:
            return
        gate.opened.set()
        answered = gate.answered
        await eventually(lambda answered=answered: gate.answered > answered + 16)


async def test_of_an_endpoint_that_takes_all_quickly_more_is_claimed_than_is_on_its_way(
    office, receiving, eventually
):
    gate = Gate()
    receiver = await receiving(gate.answer)
    await office.endpoint(receiver.url)
    ids = await office.tell([CANCELLED] * 1_000)
    async with office.worker():
        await closed_with_a_stock(office, gate, eventually)

        async def no_more_is_claimed_than_four_windows_and_one_on_its_way():
            return await claimed_count(office) <= 80  # when what was answered has been written

        await eventually(no_more_is_claimed_than_four_windows_and_one_on_its_way, seconds=20)
        gate.opened.set()
        await eventually(lambda: len(set(receiver.ids())) == 1_000, seconds=60)
    assert set(receiver.ids()) == set(ids)


async def test_while_refunds_are_under_way_no_more_is_claimed_than_is_on_its_way(
    office, receiving, eventually
):
    gate = Gate()
    receiver = await receiving(gate.answer)
    await office.endpoint(receiver.url)
    await office.tell([CANCELLED] * 300)
    async with office.worker(yields=lambda: True):
        await eventually(lambda: gate.answered > 30, seconds=60)
        gate.opened.clear()
        await eventually(lambda: gate.waiting == 16, seconds=60)

        async def no_more_is_claimed_than_is_on_its_way():
            return await claimed_count(office) == 16  # when what was answered has been written

        await eventually(no_more_is_claimed_than_is_on_its_way, seconds=20)


async def test_what_has_been_claimed_for_long_and_not_been_sent_is_claimed_anew(
    office, receiving, eventually
):
    gate = Gate()
    old, new = await receiving(gate.answer), await receiving()
    endpoint = await office.endpoint(old.url)
    ids = await office.tell([CANCELLED] * 1_000)
    async with office.worker(webhook_timeout_seconds=300):  # so that no lease ends meanwhile
        await closed_with_a_stock(office, gate, eventually)
        await office.change(endpoint, url=new.url)
        # That is longer than anything may wait; where it takes longer still, that is the same.
        await asyncio.sleep(2.1)
        before = len(old.heard)
        gate.opened.set()
        await eventually(lambda: len(set(old.ids() + new.ids())) == 1_000, seconds=60)
    assert len(old.heard) == before
    assert set(old.ids() + new.ids()) == set(ids)


async def test_what_was_claimed_for_an_endpoint_that_then_fails_is_given_back_untried(
    office, receiving, eventually
):
    gate = Gate()
    receiver = await receiving(gate.answer)
    endpoint = await office.endpoint(receiver.url)
    await office.tell([CANCELLED] * 1_000)
    async with office.worker(webhook_timeout_seconds=300):  # so that no lease ends meanwhile
        await closed_with_a_stock(office, gate, eventually)
        gate.code = 500
        gate.opened.set()
        gate.opened.clear()  # who has waited goes through, and nobody else
        await eventually(lambda: gate.waiting == 1, seconds=60)

        async def only_one_is_claimed():
            return await claimed_count(office, tries=0) == 1

        await eventually(only_one_is_claimed, seconds=20)
        gate.opened.set()
    found = await office.deliveries(endpoint)
    assert {event_id for event_id, one in found.items() if one["attempts"]} == set(receiver.ids())
    assert {len(one["attempts"]) for one in found.values()} == {0, 1}


async def test_what_was_claimed_and_not_sent_when_the_worker_stops_is_due_at_once(
    office, receiving, eventually
):
    gate = Gate()
    receiver = await receiving(gate.answer)
    await office.endpoint(receiver.url)
    ids = await office.tell([CANCELLED] * 1_000)
    async with office.worker(webhook_timeout_seconds=300):  # so that no call ends meanwhile
        await closed_with_a_stock(office, gate, eventually)
    assert await claimed_count(office) == 0
    gate.opened.set()
    await office.deliver()
    assert set(receiver.ids()) == set(ids)
    assert len(receiver.heard) == 1_000 + 16
