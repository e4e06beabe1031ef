"""What happens while a delivery is on its way: its endpoint changes, its worker stops or dies.

What receivers have heard is the judge.
"""

import asyncio
import contextlib
import datetime as dt
from collections import Counter
from dataclasses import replace

import sqlalchemy as sa
from standardwebhooks import Webhook
from worlds.office import ACCEPTED, CANCELLED, codes
from worlds.peers import hang, slow
from worlds.receivers import hook_at

from app.db.tables.webhooks import webhook_attempts, webhook_events
from app.db.webhooks import attempts, deliveries
from app.db.webhooks.attempts import AttemptRow

# In mid-flight.


async def test_an_endpoint_that_is_deleted_while_it_is_called_leaves_nothing_and_harms_nobody(
    office, receiving
):
    other = await receiving()
    hearing = await office.endpoint(other.url)
    for code in (204, 500, 410):
        receiver = await receiving()
        endpoint = await office.endpoint(receiver.url)

        async def deleted(_heard, endpoint=endpoint, code=code):
            await office.call("DELETE", f"/{endpoint['id']}", code=204)
            return code

        receiver.reply = deleted
        await office.test(endpoint)
        await office.deliver()
        event_id = await office.test(hearing)
        await office.deliver()
        assert len(receiver.heard) == 1
        assert (await office.delivery(hearing, event_id))["status"] == "delivered"
    async with office.db.read() as conn:
        ids = (await conn.execute(sa.select(webhook_attempts.c.endpoint_id))).scalars().all()
    assert ids == [hearing["id"]] * 3


async def test_an_endpoint_that_is_disabled_while_it_is_called_is_called_no_more(office, receiving):
    for code, status in ((500, "failed"), (410, "failed"), (204, "delivered")):
        receiver = await receiving()
        endpoint = await office.endpoint(receiver.url)

        async def disabled(_heard, endpoint=endpoint, code=code):
            await office.change(endpoint, status="disabled")
            return code

        receiver.reply = disabled
        await office.test(endpoint)
        await office.deliver()
        await office.make_due()
        await office.deliver()
        assert len(receiver.heard) == 1
        shown = await office.shown(endpoint)
        assert (shown["status"], shown["disabled_because"]) == ("disabled", "by_hand")
        [delivery] = (await office.deliveries(endpoint)).values()
        assert (delivery["status"], delivery["next_attempt_at"], codes(delivery)) == (
            status,
            None,
            [code],
        )


async def test_what_was_told_while_an_endpoint_was_being_disabled_is_not_sent(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    await office.tell([ACCEPTED])
    # Whoever told it had read the endpoint as enabled.
    await office.set(endpoint, status="disabled", disabled_because="by_hand")
    await office.deliver()
    assert receiver.heard == []
    [delivery] = (await office.deliveries(endpoint)).values()
    assert (delivery["status"], delivery["next_attempt_at"], delivery["attempts"]) == (
        "failed",
        None,
        [],
    )


async def test_an_event_that_is_forgotten_while_it_is_sent_loses_no_other_result(office):
    endpoint = await office.endpoint("http://127.0.0.1:9/hook")
    await office.tell([ACCEPTED, CANCELLED])
    async with office.db.write() as conn:
        old, young = await deliveries.claim(conn, endpoint["id"], most=2, lease_seconds=30)
        await conn.execute(sa.delete(webhook_events).where(webhook_events.c.id == old.event_id))
    await record(office, came(endpoint, old, 204), came(endpoint, young, 204))
    found = await office.deliveries(endpoint)
    assert {event_id: one["status"] for event_id, one in found.items()} == {
        young.event_id: "delivered"
    }


async def test_a_secret_that_can_t_be_opened_waits_for_the_operator_and_fails_no_endpoint(
    office, receiving, tmp_path
):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    event_id = await office.test(endpoint)
    await office.deliver(secrets_file=tmp_path / "another.key")
    assert receiver.heard == []
    delivery = await office.delivery(endpoint, event_id)
    assert (delivery["status"], delivery["attempts"]) == ("pending", [])
    assert (await office.shown(endpoint))["failing_since"] is None
    await office.make_due()
    await office.deliver()
    assert receiver.ids() == [event_id]
    [attempt] = (await office.delivery(endpoint, event_id))["attempts"]
    assert attempt["status_code"] == 204


async def test_an_old_secret_that_can_t_be_opened_keeps_the_new_one_from_nothing(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    secret = (await office.call("POST", f"/{endpoint['id']}/rotate-secret", {}))["secret"]
    before, _ = await office.secrets(endpoint)
    await office.set_secret(before["id"], secret="no seal")
    await office.test(endpoint)
    await office.deliver()
    [heard] = receiver.heard
    assert Webhook(secret).verify(heard.body, heard.headers)


async def test_no_more_is_claimed_than_was_asked_for(office):
    # Counted while there was little: PostgreSQL then makes the plan that would take more.
    for _ in range(2):
        await office.endpoint("http://127.0.0.1:9/hook")
    await office.tell([CANCELLED] * 200)
    if office.db.is_postgresql:
        async with office.db.write() as conn:
            await conn.execute(
                sa.text("ANALYZE webhook_deliveries, webhook_events, webhook_endpoints")
            )
    newcomer = await office.endpoint("http://127.0.0.1:9/hook")
    await office.tell([CANCELLED] * 2_000)
    async with office.db.write() as conn:
        assert len(await deliveries.claim(conn, newcomer["id"], most=4, lease_seconds=30)) == 4


async def test_a_worker_without_a_key_leaves_what_is_due_to_one_that_has_it(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    event_id = await office.test(endpoint)
    # With a Redis it is not embedded, and has no file of its own.
    async with office.worker(redis_url="redis://127.0.0.1:6379"):
        await asyncio.sleep(0.3)
    delivery = await office.delivery(endpoint, event_id)
    assert (receiver.heard, delivery["status"], delivery["attempts"]) == ([], "pending", [])
    await office.deliver()
    assert receiver.ids() == [event_id]


# Workers that stop, die, oversleep, and work beside each other.


async def test_a_worker_that_is_stopped_while_a_call_hangs_ends_soon_and_another_makes_it(
    office, peer_on, receiving, eventually
):
    peer = await peer_on(hang)
    endpoint = await office.endpoint(hook_at(peer))
    event_id = await office.test(endpoint)
    async with office.worker(webhook_timeout_seconds=600):  # twice as long as the world waits
        await eventually(lambda: peer.requests)
    delivery = await office.delivery(endpoint, event_id)
    assert (delivery["status"], delivery["attempts"]) == ("pending", [])
    assert await office.is_due()
    receiver = await receiving()
    await office.set(endpoint, url=receiver.url)
    await office.deliver()
    assert receiver.ids() == [event_id]
    delivery = await office.delivery(endpoint, event_id)
    assert (delivery["status"], codes(delivery)) == ("delivered", [204])


async def test_a_lease_ends_soon_after_the_deadline_of_the_call_and_not_before(
    office, peer_on, eventually
):
    peer = await peer_on(hang)
    endpoint = await office.endpoint(hook_at(peer))
    event_id = await office.test(endpoint)
    async with office.worker(webhook_timeout_seconds=60):
        await eventually(lambda: peer.requests)
        until = dt.datetime.fromisoformat(
            (await office.delivery(endpoint, event_id))["next_attempt_at"]
        )
    assert 60 < (until - dt.datetime.now(dt.UTC)).total_seconds() < 90


async def test_a_call_that_ends_while_the_worker_stops_counts(office, peer_on, eventually):
    peer = await peer_on(slow(0.4))
    endpoint = await office.endpoint(hook_at(peer))
    event_id = await office.test(endpoint)
    async with office.worker():
        await eventually(lambda: peer.requests)
    assert (await office.delivery(endpoint, event_id))["status"] == "delivered"


async def claimed(office, endpoint):
    """By a worker that is not heard of again, or late."""
    async with office.db.write() as conn:
        [one] = await deliveries.claim(conn, endpoint["id"], most=1, lease_seconds=30)
    return one


def came(endpoint, one, code, **more):
    delivered = code == 204
    return replace(
        AttemptRow(
            endpoint["id"],
            one.event_id,
            one.epoch,
            one.tries,
            "",
            delivered,
            None if delivered else 5.0,
            code,
            None,
            "",
            10,
        ),
        **more,
    )


async def record(office, *given):
    async with office.db.write() as conn:
        await attempts.record(conn, given)


async def test_what_a_dead_worker_had_is_delivered_by_another_under_the_same_id(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    event_id = await office.test(endpoint)
    assert (await claimed(office, endpoint)).event_id == event_id
    await office.deliver()
    assert receiver.heard == []
    await office.make_due()
    await office.deliver()
    assert receiver.ids() == [event_id]


async def test_a_failure_of_an_old_claim_changes_nothing_and_a_success_counts(office):
    endpoint = await office.endpoint("http://127.0.0.1:9/hook")
    event_id = await office.test(endpoint)
    old = await claimed(office, endpoint)
    await office.make_due()
    new = await claimed(office, endpoint)
    assert new.epoch > old.epoch
    before = await office.delivery(endpoint, event_id)
    await record(office, came(endpoint, old, 500))
    after = await office.delivery(endpoint, event_id)
    assert (after["status"], after["next_attempt_at"]) == ("pending", before["next_attempt_at"])
    await record(office, came(endpoint, old, 204))
    after = await office.delivery(endpoint, event_id)
    assert (after["status"], after["next_attempt_at"]) == ("delivered", None)
    await record(office, came(endpoint, new, 500))
    after = await office.delivery(endpoint, event_id)
    assert (after["status"], after["next_attempt_at"]) == ("delivered", None)


async def test_what_is_written_twice_counts_once(office):
    endpoint = await office.endpoint("http://127.0.0.1:9/hook")
    event_id = await office.test(endpoint)
    one = await claimed(office, endpoint)
    due = []
    for _ in range(2):  # as when the answer to a commit was lost
        await record(office, came(endpoint, one, 500))
        due.append((await office.delivery(endpoint, event_id))["next_attempt_at"])
        await asyncio.sleep(0.01)
    assert due[0] == due[1]
    assert (await claimed_after(office, endpoint)).tries == 1


async def test_what_is_written_again_changes_nothing_more(office):
    endpoint = await office.endpoint("http://127.0.0.1:9/hook")
    event_id = await office.test(endpoint)
    one = await claimed(office, endpoint)
    await record(office, came(endpoint, one, 500))
    first = await office.delivery(endpoint, event_id)
    again = await claimed_after(office, endpoint)
    await record(office, came(endpoint, one, 500))
    second = await office.delivery(endpoint, event_id)
    assert (len(first["attempts"]), len(second["attempts"])) == (1, 1)
    assert again.tries == 1


async def claimed_after(office, endpoint):
    await office.make_due()
    return await claimed(office, endpoint)


async def test_workers_beside_each_other_send_each_event_once(office, receiving, eventually):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    ids = await office.tell([CANCELLED] * 150)
    async with office.worker(), office.worker(), office.worker():
        await eventually(lambda: len(receiver.heard) >= 150)
        await asyncio.sleep(0.2)
    assert Counter(receiver.ids()) == dict.fromkeys(ids, 1)
    assert {one["status"] for one in (await office.deliveries(endpoint)).values()} == {"delivered"}


async def test_what_was_under_way_when_the_database_refused_a_claim_is_recorded(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    ids = await office.tell([CANCELLED] * 9)
    refusing = office.refusing("webhook_deliveries", "UPDATE", "NEW.epoch > OLD.epoch")
    async with contextlib.AsyncExitStack() as stack:
        together = asyncio.Event()

        async def first_four(heard):
            if len(receiver.heard) == 4:
                await stack.enter_async_context(refusing)
                together.set()
            await together.wait()
            await asyncio.sleep(0.2 * receiver.ids().index(heard.event_id))
            return 204

        receiver.reply = first_four
        async with office.worker():
            await asyncio.sleep(0.9)
    done = {
        event_id
        for event_id, one in (await office.deliveries(endpoint)).items()
        if one["status"] == "delivered"
    }
    assert done == set(receiver.ids())
    receiver.reply = 204
    await office.make_due()
    await office.deliver()
    assert Counter(receiver.ids()) == dict.fromkeys(ids, 1)
