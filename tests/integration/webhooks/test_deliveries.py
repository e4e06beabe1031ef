"""Deliveries: by the schedule, by everybody's lane, once for all workers.

What receivers have heard is the judge.
"""

import asyncio
import contextlib
import datetime as dt
import email.utils
import time
from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook
from uuid_utils import uuid7

from app.db.access.encrypted import webhook_secret
from app.db.core.dialect import now as db_now
from app.db.jobs.jobs import clock
from app.db.webhook_tables import (
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
)
from app.db.webhooks import attempts, deliveries, signing_secrets
from app.db.webhooks.attempts import AttemptRow
from app.db.webhooks.events import Event
from app.domain.events import EventType
from app.webhooks import deliver

ACCEPTED = Event(EventType.ACCEPTED, {"job_id": "j", "status": "queued"})
CANCELLED = Event(EventType.SESSION_CANCELLED, {"job_id": "j", "session_id": "s"})

FIVE_DAYS = 5 * 86_400


def waits(delivery):
    """Seconds from the last attempt to the next."""
    ended, due = delivery["attempts"][-1]["ended_at"], delivery["next_attempt_at"]
    return (dt.datetime.fromisoformat(due) - dt.datetime.fromisoformat(ended)).total_seconds()


def codes(delivery):
    return [attempt["status_code"] for attempt in delivery["attempts"]]


async def hang(peer, reader, writer):
    """Take requests and never answer."""
    while True:
        await peer.read(reader)


def slow(seconds):
    async def talk(peer, reader, writer):
        while True:
            await peer.read(reader)
            await asyncio.sleep(seconds)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()

    return talk


def at(peer):
    return f"http://127.0.0.1:{peer.port}/hook"


# The schedule.


async def test_ten_attempts_are_made_by_the_schedule_under_one_id_and_then_it_has_failed(
    office, receiving
):
    receiver = await receiving(500)
    endpoint = await office.endpoint(receiver.url)
    event_id = await office.test(endpoint)
    paused = []
    for _ in range(9):
        await office.deliver(jitter=0.0)
        delivery = await office.delivery(endpoint, event_id)
        assert delivery["status"] == "pending"
        paused.append(waits(delivery))
        await office.deliver(jitter=0.0)  # before its time: nothing is sent
        await office.make_due()
    assert paused == pytest.approx([5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], abs=1)
    await office.deliver()
    delivery = await office.delivery(endpoint, event_id)
    assert (delivery["status"], delivery["next_attempt_at"], codes(delivery)) == (
        "failed",
        None,
        [500] * 10,
    )
    await office.make_due()
    await office.deliver()
    assert receiver.ids() == [event_id] * 10
    assert len({one.body for one in receiver.heard}) == 1


async def test_the_first_attempt_is_made_at_once(office, receiving, eventually):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    async with office.worker():
        await asyncio.sleep(0.2)  # it has looked, and looks every second
        await office.test(endpoint)
        assert await eventually(lambda: receiver.heard) < 1.5


async def test_a_commit_prompts_for_what_it_made_due(office, receiving, eventually, monkeypatch):
    monkeypatch.setattr(deliver, "_LOOK_SECONDS", 600.0)
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    async with office.worker():
        for times in (1, 2):  # the second comes after the first's lane and look have ended
            await office.test(endpoint)
            await eventually(lambda times=times: len(receiver.heard) == times, seconds=60.0)


def test_while_refunds_go_on_commits_prompt_no_more_often_than_the_clock():
    assert deliver.unheard_seconds(pinched=True) == deliver._LOOK_SECONDS
    assert deliver.unheard_seconds(pinched=False) < deliver._LOOK_SECONDS


async def test_a_pause_is_longer_by_up_to_a_tenth(office, receiving):
    endpoint = await office.endpoint((await receiving(500)).url)
    for jitter, first in ((0.0, 5.0), (1.0, 5.5)):
        event_id = await office.test(endpoint)
        await office.deliver(jitter=jitter)
        assert waits(await office.delivery(endpoint, event_id)) == pytest.approx(first, abs=0.2)


async def test_an_endpoint_s_retry_after_is_heeded_but_never_sooner_than_the_schedule(
    office, receiving
):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    now = dt.datetime.now(dt.UTC)
    date = email.utils.format_datetime(now + dt.timedelta(seconds=200), usegmt=True)
    asked = {
        "120": 120,
        date: 200,
        "1": 5,
        "0": 5,
        "soon": 5,
        "-7": 5,
        "": 5,
        "Thu, 01 Jan 1970 00:00:00 GMT": 5,
    }
    for value, seconds in asked.items():
        receiver.reply = (503, {"Retry-After": value}, b"")
        event_id = await office.test(endpoint)
        await office.deliver(jitter=0.0)
        assert waits(await office.delivery(endpoint, event_id)) == pytest.approx(seconds, abs=3), (
            value
        )


# What counts as taken.


async def test_any_2xx_is_a_delivery(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    for code in (200, 201, 202, 204, 206, 299):
        receiver.reply = code
        event_id = await office.test(endpoint)
        await office.deliver()
        delivery = await office.delivery(endpoint, event_id)
        assert (delivery["status"], delivery["next_attempt_at"], codes(delivery)) == (
            "delivered",
            None,
            [code],
        )
    await office.make_due()
    await office.deliver()
    assert len(receiver.heard) == 6


async def test_no_other_answer_is_a_delivery_and_no_redirect_is_followed(office, receiving):
    elsewhere = await receiving()
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    for code in (300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 409, 422, 429, 500, 502, 503):
        receiver.reply = (code, {"Location": elsewhere.url}, b"")
        event_id = await office.test(endpoint)
        await office.deliver()
        delivery = await office.delivery(endpoint, event_id)
        assert (delivery["status"], codes(delivery)) == ("pending", [code]), code
    assert elsewhere.heard == []


async def test_an_attempt_without_an_answer_says_why(office, receiving, peer_on):
    async def drop(peer, reader, writer):
        await peer.read(reader)

    for talk, error in ((drop, "broken"), (hang, "timed_out")):
        endpoint = await office.endpoint(at(await peer_on(talk)))
        event_id = await office.test(endpoint)
        await office.deliver(webhook_timeout_seconds=0.3)
        [attempt] = (await office.delivery(endpoint, event_id))["attempts"]
        assert (attempt["status_code"], attempt["error"], attempt["response"]) == (
            None,
            error,
            None,
        )
        assert attempt["milliseconds"] < 1000


async def test_of_an_answer_its_first_kibibyte_is_kept_whatever_it_holds(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    kept = {}
    for body in (b"no\0 \xff\xfe pe " + b"x" * 5000, b"\xe2\x82\xac" * 2000, b"", b"\0" * 3000):
        receiver.reply = (500, {}, body)
        event_id = await office.test(endpoint)
        await office.deliver()
        [attempt] = (await office.delivery(endpoint, event_id))["attempts"]
        kept[body] = attempt["response"]
    assert list(kept.values()) == [
        "no \ufffd\ufffd pe " + "x" * (1024 - 10),
        "\u20ac" * 341 + "\ufffd",
        "",
        "",
    ]


# Giving endpoints up.


async def test_410_disables_an_endpoint_fails_what_was_on_its_way_and_tells_the_others(
    office, receiving
):
    receiver, other = await receiving(500), await receiving()
    endpoint, hearing = await office.endpoint(receiver.url), await office.endpoint(other.url)
    before = await office.tell([ACCEPTED])
    await office.deliver()
    receiver.reply = 410
    event_id = await office.test(endpoint)
    await office.deliver()
    shown = await office.shown(endpoint)
    assert (shown["status"], shown["disabled_because"]) == ("disabled", "gone")
    assert {one["status"] for one in (await office.deliveries(endpoint)).values()} == {"failed"}
    assert codes(await office.delivery(endpoint, event_id)) == [410]
    assert codes(await office.delivery(endpoint, before[0])) == [500]
    await office.make_due()
    await office.deliver()
    assert len(receiver.heard) == 2
    told = [(one.type, one.body) for one in other.heard if one.type == EventType.ENDPOINT_DISABLED]
    assert len(told) == 1
    assert (await office.events())[-1] == (
        "webhook_endpoint.disabled",
        {"business_id": "studio", "endpoint_id": endpoint["id"], "because": "gone"},
    )
    assert (await office.shown(hearing))["status"] == "enabled"


async def test_five_days_of_nothing_but_failure_disable_an_endpoint_and_tell_the_others(
    office, receiving
):
    receiver, other = await receiving(500), await receiving()
    endpoint = await office.endpoint(receiver.url)
    await office.endpoint(other.url)
    await office.test(endpoint)
    await office.deliver()
    since = dt.datetime.fromisoformat((await office.shown(endpoint))["failing_since"])
    assert abs(since - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
    for age_seconds, status in ((FIVE_DAYS - 60, "enabled"), (FIVE_DAYS + 1, "disabled")):
        async with office.db.write() as conn:
            failing_since = await clock(conn) - dt.timedelta(seconds=age_seconds)
        await office.set(endpoint, failing_since=failing_since)
        await office.make_due()
        await office.deliver()
        assert (await office.shown(endpoint))["status"] == status
    shown = await office.shown(endpoint)
    assert shown["disabled_because"] == "failing"
    assert {one["status"] for one in (await office.deliveries(endpoint)).values()} == {"failed"}
    await office.deliver()
    assert other.types() == {"webhook_endpoint.disabled": 1}
    assert receiver.types() == {"webhook_endpoint.test": 3}


async def test_a_success_ends_the_days_of_failure(office, receiving):
    receiver = await receiving(500)
    endpoint = await office.endpoint(receiver.url)
    await office.test(endpoint)
    await office.deliver()
    async with office.db.write() as conn:
        long_ago = await clock(conn) - dt.timedelta(days=6)
    await office.set(endpoint, failing_since=long_ago)
    receiver.reply = 204
    await office.test(endpoint)
    await office.deliver()
    assert (await office.shown(endpoint))["failing_since"] is None
    receiver.reply = 500
    await office.test(endpoint)
    await office.deliver()
    shown = await office.shown(endpoint)
    assert (shown["status"], shown["failing_since"] is None) == ("enabled", False)


async def test_an_endpoint_that_has_moved_is_given_its_own_five_days(office, receiving):
    receiver, elsewhere = await receiving(500), await receiving(500)
    endpoint = await office.endpoint(receiver.url)
    await office.test(endpoint)
    await office.deliver()
    async with office.db.write() as conn:
        long_ago = await clock(conn) - dt.timedelta(days=6)
    await office.set(endpoint, failing_since=long_ago)
    assert (await office.change(endpoint, url=elsewhere.url))["failing_since"] is None
    await office.test(endpoint)
    await office.deliver()
    assert elsewhere.types() == {"webhook_endpoint.test": 1}
    assert (await office.shown(endpoint))["status"] == "enabled"


async def test_an_endpoint_that_is_enabled_again_begins_anew(office, receiving):
    receiver = await receiving(500)
    endpoint = await office.endpoint(receiver.url)
    lost = await office.test(endpoint)
    await office.deliver()
    assert (await office.change(endpoint, status="disabled"))["failing_since"] is not None
    shown = await office.change(endpoint, status="enabled")
    assert (shown["status"], shown["disabled_because"], shown["failing_since"]) == (
        "enabled",
        None,
        None,
    )
    receiver.reply = 204
    event_id = await office.test(endpoint)
    await office.deliver()
    assert receiver.ids() == [lost, event_id]
    assert (await office.delivery(endpoint, lost))["status"] == "failed"


async def test_410_from_where_an_endpoint_was_before_disables_nothing(office, receiving):
    old, new = await receiving(), await receiving()
    endpoint = await office.endpoint(old.url)

    async def moved(_heard):
        await office.change(endpoint, url=new.url)
        return 410

    old.reply = moved
    event_id = await office.test(endpoint)
    await office.deliver()
    assert (await office.shown(endpoint))["status"] == "enabled"
    await office.make_due()
    await office.deliver()
    assert (old.ids(), new.ids()) == ([event_id], [event_id])
    assert (await office.delivery(endpoint, event_id))["status"] == "delivered"


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
    endpoint = await office.endpoint(at(peer))
    event_id = await office.test(endpoint)
    async with office.worker(webhook_timeout_seconds=60):
        await eventually(lambda: peer.requests)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2.5
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
    endpoint = await office.endpoint(at(peer))
    event_id = await office.test(endpoint)
    async with office.worker(webhook_timeout_seconds=60):
        await eventually(lambda: peer.requests)
        until = dt.datetime.fromisoformat(
            (await office.delivery(endpoint, event_id))["next_attempt_at"]
        )
    assert 60 < (until - dt.datetime.now(dt.UTC)).total_seconds() < 90


async def test_a_call_that_ends_while_the_worker_stops_counts(office, peer_on, eventually):
    peer = await peer_on(slow(0.4))
    endpoint = await office.endpoint(at(peer))
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


# Lanes.


async def test_a_slow_endpoint_and_a_hanging_one_delay_no_healthy_one(
    office, peer_on, receiving, eventually
):
    sleepy, dead, receiver = await peer_on(slow(10)), await peer_on(hang), await receiving()
    for url in (at(sleepy), at(dead), receiver.url):
        await office.endpoint(url)
    async with office.worker(webhook_timeout_seconds=15):
        for so_far in range(1, 3):
            await office.tell([ACCEPTED] * 10)
            # Before the slow one has answered its first, and the hanging one has been given up.
            await eventually(lambda so_far=so_far: len(receiver.heard) == 10 * so_far, seconds=9)
        assert sleepy.requests
        assert dead.requests


async def test_many_failing_endpoints_leave_lanes_for_healthy_ones(
    office, peer_on, receiving, eventually
):
    dead, receiver = await peer_on(hang), await receiving()
    async with office.db.write() as conn:
        failing_since = await clock(conn)
        same = {"business_id": "studio", "url": at(dead), "status": "enabled"}
        same |= {"failing_since": failing_since, "created_at": failing_since}
        rows = [same | {"id": str(uuid7())} for _ in range(140)]
        await conn.execute(sa.insert(webhook_endpoints), rows)
        for row in rows:
            await keep(office, conn, row["id"], "whsec_aGFuZ3M=")
    await office.tell([ACCEPTED])
    async with office.worker(webhook_timeout_seconds=15):
        await eventually(lambda: len(dead.requests) >= 96)
        healthy = await added(office, receiver.url)
        await office.tell([CANCELLED])
        assert await eventually(lambda: receiver.heard) < 2.5
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
    sealed = office.settings.seals().seal(secret, webhook_secret(secret_id))
    await signing_secrets.add(conn, endpoint_id, id=secret_id, sealed=sealed)


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
    endpoint = await office.endpoint(at(peer))
    async with office.worker(webhook_timeout_seconds=15):
        await office.test(endpoint)
        await eventually(lambda: peer.requests)
        event_id = await office.test(endpoint)
        assert await eventually(lambda: len(peer.requests) == 2) < 2.5
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
    await eventually(lambda: gate.answered > 60, seconds=60)
    while True:
        gate.opened.clear()
        await eventually(lambda: gate.waiting == 16, seconds=60)
        if await claimed_count(office) > 16:
            return
        gate.opened.set()
        answered = gate.answered
        await eventually(lambda answered=answered: gate.answered > answered + 16, seconds=60)


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
    async with office.worker():
        await closed_with_a_stock(office, gate, eventually)
    assert await claimed_count(office) == 0
    gate.opened.set()
    await office.deliver()
    assert set(receiver.ids()) == set(ids)
    assert len(receiver.heard) == 1_000 + 16


# Forgetting.


async def test_events_are_forgotten_after_thirty_days_with_their_deliveries_and_attempts(
    office, receiving, eventually
):
    receiver = await receiving(500)
    endpoint = await office.endpoint(receiver.url)
    young = await office.test(endpoint)
    async with office.db.write() as conn:
        now = await clock(conn)
        for days in (31, 29):
            at_ = now - dt.timedelta(days=days)
            id_ = str(uuid7(nanoseconds=int(at_.timestamp() * 1000) * 1_000_000))
            row = {
                "id": id_,
                "business_id": "studio",
                "type": "session.cancelled",
                "occurred_at": at_,
                "payload": "{}",
            }
            await conn.execute(sa.insert(webhook_events).values(row))
            await deliveries.deliver_again(conn, endpoint["id"], [id_])
    await office.deliver()
    assert len(receiver.heard) == 3
    assert len(await office.deliveries(endpoint)) == 3

    async def two_are_left():
        return set(await office.deliveries(endpoint)) == {young, id_}

    async with office.worker(jitter=0.0):  # which also sets when it looks for old ones first
        await eventually(two_are_left)
    async with office.db.read() as conn:
        attempts = (await conn.execute(sa.select(webhook_attempts.c.event_id))).scalars().all()
    assert set(attempts) == {young, id_}
