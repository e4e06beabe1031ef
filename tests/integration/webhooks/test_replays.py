"""Test events, deliveries that are made again, and replays of what was missed."""

import datetime as dt
import json

import sqlalchemy as sa
from worlds.office import ACCEPTED, CANCELLED, ENDED, NOWHERE, post, rows
from worlds.problems import problem

from app.db.tables.webhooks import webhook_deliveries, webhook_events

BAD_REPLAYS = [
    ({}, "/since"),
    ({"since": "yesterday"}, "/since"),
    ({"since": 1763856000}, "/since"),
    ({"since": "2026-11-23T06:00:00"}, "/since"),
    ({"since": "1999-12-31T00:00:00Z"}, "/since"),
    ({"since": "2026-11-23T06:00:00Z", "undelivered_only": "yes"}, "/undelivered_only"),
    ({"since": "2026-11-23T06:00:00Z", "until": "2026-11-24T06:00:00Z"}, "/until"),
]


# Sending again.


async def test_a_test_event_goes_to_this_endpoint_alone_whatever_it_asks_for(office, receiving):
    receiver, other = await receiving(), await receiving()
    endpoint = await office.endpoint(receiver.url, event_types=["refund.failed"])
    await office.endpoint(other.url)
    answer = await post(office, f"/{endpoint['id']}/test")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["type"], told["status"], told["attempts"]) == (
        "webhook_endpoint.test",
        "pending",
        [],
    )
    assert told["payload"]["data"] == {"business_id": "studio", "endpoint_id": endpoint["id"]}
    await office.deliver()
    assert (receiver.ids(), other.heard) == ([told["event_id"]], [])
    assert json.loads(receiver.heard[0].body) == told["payload"]


async def test_to_a_disabled_endpoint_nothing_is_sent_again(office):
    endpoint = await office.endpoint(NOWHERE)
    event_id = await office.test(endpoint)
    await office.change(endpoint, status="disabled")
    before = await rows(office)
    for path, body in (
        ("/test", {}),
        (f"/deliveries/{event_id}/redeliver", {}),
        ("/replay", {"since": "2026-01-01T00:00:00Z"}),
    ):
        problem(await post(office, f"/{endpoint['id']}{path}", **body), 409, "endpoint-disabled")
    assert await rows(office) == before


async def test_an_event_is_delivered_again_under_its_id_whatever_came_of_it(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    event_id = await office.test(endpoint)
    path = f"/{endpoint['id']}/deliveries/{event_id}/redeliver"
    for reply, status in (
        (204, "delivered"),
        (500, "pending"),
        (410, "failed"),
        (204, "delivered"),
    ):
        receiver.reply = reply
        await office.deliver()
        assert (await office.delivery(endpoint, event_id))["status"] == status
        await office.change(endpoint, status="enabled")
        answer = await office.call("POST", path, code=202)
        assert (answer["status"], answer["event_id"]) == ("pending", event_id)
    receiver.reply = 500
    await office.deliver()
    delivery = await office.delivery(endpoint, event_id)
    assert [one["status_code"] for one in delivery["attempts"]] == [204, 500, 410, 204, 500]
    due, ended = (
        dt.datetime.fromisoformat(at)
        for at in (delivery["next_attempt_at"], delivery["attempts"][-1]["ended_at"])
    )
    assert (due - ended).total_seconds() < 6  # the whole schedule is before it again
    assert receiver.ids() == [event_id] * 5


async def replay(office, endpoint, **body):
    return (await office.call("POST", f"/{endpoint['id']}/replay", body, code=202))["deliveries"]


async def at(office, *moments):
    """Events that occurred at these instants."""
    ids = []
    for moment in moments:
        [event_id] = await office.tell([CANCELLED])
        new_id = event_id_at(moment, event_id)
        async with office.db.write() as conn:
            await conn.execute(
                sa.delete(webhook_deliveries).where(webhook_deliveries.c.event_id == event_id)
            )
            statement = sa.update(webhook_events).where(webhook_events.c.id == event_id)
            await conn.execute(statement.values(id=new_id, occurred_at=moment))
        ids.append(new_id)
    return ids


def event_id_at(moment, event_id):
    milliseconds = f"{int(moment.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}{event_id[13:]}"


async def test_a_replay_sends_what_occurred_then_or_later_and_nothing_earlier(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    noon = dt.datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=dt.UTC)
    tick = dt.timedelta(milliseconds=1)
    early, sharp, late = await at(office, noon - tick, noon, noon + tick)
    for since, expected in (
        (noon - tick, {early, sharp, late}),
        (noon, {sharp, late}),
        (noon + tick, {late}),
        (noon + 2 * tick, set()),
        (noon.astimezone(dt.timezone(dt.timedelta(hours=14))), {sharp, late}),
    ):
        receiver.heard.clear()
        assert await replay(office, endpoint, since=since.isoformat()) == len(expected)
        await office.deliver()
        assert (len(receiver.heard), set(receiver.ids())) == (len(expected), expected)


async def test_a_replay_sends_what_was_missed_while_the_endpoint_was_disabled(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    since = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    heard = await office.tell([ACCEPTED])
    await office.deliver()
    await office.change(endpoint, status="disabled")
    missed = await office.tell([CANCELLED, ENDED])
    await office.deliver()
    await office.change(endpoint, status="enabled")
    await office.deliver()
    assert receiver.ids() == heard
    assert await replay(office, endpoint, since=since.isoformat(), undelivered_only=True) == 2
    await office.deliver()
    assert receiver.ids()[1:] == sorted(missed)
    assert await replay(office, endpoint, since=since.isoformat(), undelivered_only=True) == 0
    assert await replay(office, endpoint, since=since.isoformat()) == 3
    await office.deliver()
    assert sorted(receiver.ids()) == sorted(2 * (heard + missed))


async def test_thousands_are_replayed_and_deleted_in_parts(office):
    endpoint = await office.endpoint(NOWHERE)
    await office.tell([CANCELLED] * 4_500)
    assert await replay(office, endpoint, since="2026-01-01T00:00:00Z") == 4_500
    await office.call("DELETE", f"/{endpoint['id']}", code=204)
    async with office.db.read() as conn:
        assert await conn.scalar(sa.select(sa.func.count()).select_from(webhook_deliveries)) == 0


async def test_a_replay_leaves_out_test_events(office):
    endpoint = await office.endpoint(NOWHERE)
    await office.test(endpoint)
    assert await replay(office, endpoint, since="2026-01-01T00:00:00Z") == 0


async def test_a_replay_has_only_the_business_s_own_events_of_the_types_that_the_endpoint_asks_for(
    office, theirs
):
    endpoint = await office.endpoint(NOWHERE, event_types=["session.cancelled", "refund.failed"])
    await office.endpoint(NOWHERE)
    await office.test(endpoint)
    _, cancelled, _ = await office.tell([ACCEPTED, CANCELLED, ENDED])
    assert await theirs.tell([CANCELLED], business="other")
    async with office.db.write() as conn:
        await conn.execute(sa.delete(webhook_deliveries))
    assert await replay(office, endpoint, since="2026-01-01T00:00:00Z") == 1
    assert set(await office.deliveries(endpoint)) == {cancelled}
    assert await theirs.deliveries(theirs.own) == {}


async def test_a_replay_that_can_t_be_is_refused(office):
    endpoint = await office.endpoint(NOWHERE)
    for body, pointer in BAD_REPLAYS:
        answer = await post(office, f"/{endpoint['id']}/replay", **body)
        assert problem(answer, 422, "validation")["errors"][0]["pointer"] == pointer
