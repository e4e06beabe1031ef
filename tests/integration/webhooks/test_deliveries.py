"""Deliveries: tried by the schedule, ended by an answer or by days of failure, and forgotten.

What receivers have heard is the judge.
"""

import asyncio
import datetime as dt
import email.utils

import pytest
import sqlalchemy as sa
from uuid_utils import uuid7
from worlds.meters import counted
from worlds.office import ACCEPTED, codes
from worlds.peers import hang
from worlds.receivers import hook_at

from app.db.jobs.jobs import clock
from app.db.tables.webhooks import webhook_attempts, webhook_endpoints, webhook_events
from app.db.webhooks import deliveries
from app.domain.events import EventType
from app.lanes import start

FIVE_DAYS = 5 * 86_400
WAITS_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def waits(delivery):
    """Seconds from the last attempt to the next."""
    ended, due = delivery["attempts"][-1]["ended_at"], delivery["next_attempt_at"]
    return (dt.datetime.fromisoformat(due) - dt.datetime.fromisoformat(ended)).total_seconds()


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


async def test_attempts_are_counted_by_what_they_came_to(office, receiving):
    attempts = "bulk_cancel_webhook_attempt_seconds_count"
    before = [counted(attempts, outcome=outcome) for outcome in ("delivered", "failed")]
    for status in (204, 500):
        await office.test(await office.endpoint((await receiving(status)).url))
    await office.deliver()
    after = [counted(attempts, outcome=outcome) for outcome in ("delivered", "failed")]
    assert after == [count + 1 for count in before]


async def test_the_first_attempt_is_made_at_once(office, receiving, eventually):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    async with office.worker():
        await asyncio.sleep(0.2)  # it has looked, and looks every second
        await office.test(endpoint)
        assert await eventually(lambda: receiver.heard) < 1.5


async def test_a_commit_prompts_for_what_it_made_due(office, receiving, eventually, monkeypatch):
    monkeypatch.setattr(start, "LOOK_SECONDS", 600.0)
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    async with office.worker():
        for times in (1, 2):  # the second comes after the first's lane and look have ended
            await office.test(endpoint)
            await eventually(lambda times=times: len(receiver.heard) == times, seconds=60.0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_comes_while_a_lane_is_ending_is_looked_for_again(
    office, receiving, eventually, monkeypatch
):
    monkeypatch.setattr(start, "LOOK_SECONDS", 600.0)
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    this = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.id == endpoint["id"])

    async def waits_to_record():
        async with office.db.read() as conn:
            return await conn.scalar(sa.text(WAITS_FOR_A_LOCK))

    async with office.worker():
        async with office.db.write() as conn:
            await office.tell([ACCEPTED])
            # Nobody can write what came of it, which is the last that a lane does.
            await conn.execute(this.with_for_update(key_share=True))
            await eventually(waits_to_record)
            await asyncio.sleep(0.5)  # it has claimed for the last time
            await office.tell([ACCEPTED])
            await asyncio.sleep(0.5)  # the look that this prompted has found the lane
        await eventually(lambda: len(receiver.heard) == 2, seconds=60.0)


def test_while_refunds_go_on_commits_prompt_no_more_often_than_the_clock():
    assert start.deaf_seconds(pinched=True) == start.LOOK_SECONDS
    assert start.deaf_seconds(pinched=False) < start.LOOK_SECONDS


async def test_a_pause_is_longer_by_up_to_a_tenth(office, receiving):
    endpoint = await office.endpoint((await receiving(500)).url)
    for jitter, second in ((0.0, 300), (1.0, 330)):
        event_id = await office.test(endpoint)
        await office.deliver(jitter=jitter)
        await office.make_due()
        await office.deliver(jitter=jitter)
        assert waits(await office.delivery(endpoint, event_id)) == pytest.approx(second, abs=10)


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
        endpoint = await office.endpoint(hook_at(await peer_on(talk)))
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
            await deliveries.deliver_again(conn, "studio", endpoint["id"], [id_])
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
