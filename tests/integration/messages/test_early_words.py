"""What is said of a message before its sending is recorded counts as what is said after it."""

import asyncio

import pytest
from integration.messages.conftest import due_now, rests, sending
from integration.messages.test_later_words import hook, kims, left_alone, settings
from worlds.patience import eventually
from worlds.smtp_server import Fault

from app.db.tables.messages import messages
from app.messages import bounced
from app.messages.bounced import Heard, LaterWord, Said

__all__ = ["settings"]

SAID = {
    "dead": ("bounced", {"status": "5.1.1"}),
    "full": ("bounced", {"status": "5.2.2"}),
    "spam": ("complained", {}),
}
COMES_TO = {
    "dead": ("bounced", "5.1.1", {("kim@example.org", "bounced")}),
    "full": ("bounced", "5.2.2", set()),
    "spam": ("sent", None, {("kim@example.org", "complained")}),
}


async def outcome(told):
    one = await kims(told)
    return one["status"], one["because"], await left_alone(told.studio)


async def id_of_kims(told):
    return (await kims(told))["id"]


@pytest.fixture
async def cancelled(told):
    await told.cancel("spin")  # Kim alone has it
    await told.work()
    return told


@pytest.mark.parametrize("which", SAID)
async def test_a_word_that_comes_before_the_relay_s_own_or_after_it_is_one_result(
    cancelled, relay, studio, which
):
    said, data = SAID[which]
    relay.faults(Fault("taken", "hold"))  # in its book, and not answered
    async with sending(cancelled, relay):
        await eventually(lambda: len(relay.taken()) == 1)
        id_ = await id_of_kims(cancelled)
        answer = await hook(studio, id_, said, event_id="early", **data)
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await kims(cancelled))["status"] == "pending"
        assert await left_alone(studio) == set()
        relay.faults()
        await eventually(lambda: rests(cancelled))
    assert await outcome(cancelled) == COMES_TO[which]
    assert len(relay.taken()) == 1
    # The same event again, and another that says the same, change nothing.
    for event_id in ("early", "late"):
        await hook(studio, id_, said, event_id=event_id, **data)
        assert await outcome(cancelled) == COMES_TO[which]


@pytest.mark.parametrize("which", SAID)
async def test_a_word_that_comes_after_is_the_same(cancelled, relay, studio, which):
    said, data = SAID[which]
    async with sending(cancelled, relay):
        await eventually(lambda: rests(cancelled))
    await hook(studio, await id_of_kims(cancelled), said, **data)
    assert await outcome(cancelled) == COMES_TO[which]


async def test_a_bounce_and_a_complaint_that_both_come_early_both_count(cancelled, relay, studio):
    relay.faults(Fault("taken", "hold"))
    async with sending(cancelled, relay):
        await eventually(lambda: len(relay.taken()) == 1)
        id_ = await id_of_kims(cancelled)
        await hook(studio, id_, "complained")
        await hook(studio, id_, status="5.2.2")
        relay.faults()
        await eventually(lambda: rests(cancelled))
    assert await outcome(cancelled) == ("bounced", "5.2.2", COMES_TO["spam"][2])


async def test_what_a_relay_took_and_nobody_heard_is_not_sent_again_once_it_came_back(
    cancelled, relay, studio
):
    relay.faults(Fault("taken", "drop", times=1))
    async with sending(cancelled, relay):
        await eventually(lambda: _tried(cancelled))
        await hook(studio, await id_of_kims(cancelled), status="5.1.1")
        await due_now(cancelled)
        await eventually(lambda: rests(cancelled))
    assert await outcome(cancelled) == COMES_TO["dead"]
    assert len(relay.taken()) == 1


async def _tried(told):
    return (await kims(told))["tries"] > 0


async def test_one_that_is_sent_again_goes_out_whatever_was_said_of_it_before(
    cancelled, relay, studio
):
    async with sending(cancelled, relay):
        await eventually(lambda: rests(cancelled))
    id_ = await id_of_kims(cancelled)
    path = f"/bulk-cancellations/{cancelled.job_id}/messages/{id_}/resend"
    assert (await studio.post(path)).status_code == 200
    await hook(studio, id_, status="5.2.2")
    async with sending(cancelled, relay):
        await eventually(lambda: rests(cancelled))
    assert len(relay.taken()) == 2


async def test_words_and_the_record_of_the_sending_may_come_at_once(cancelled, studio):
    """Whichever commits first, all of it counts, and nothing waits in the row."""
    claimed = (await cancelled.claim())["kim"]
    word = LaterWord(claimed.id, Said.BOUNCED, "5.1.1")
    heard, _ = await asyncio.gather(bounced.hear(cancelled.db, word), cancelled.send(claimed))
    assert heard in {Heard.RECORDED, Heard.KEPT}
    assert await outcome(cancelled) == COMES_TO["dead"]
    async with cancelled.db.read() as conn:
        assert (await conn.execute(messages.select())).mappings().one()["early_words"] is None


async def test_what_nobody_has_begun_is_not_spoken_of(cancelled, studio):
    id_ = await id_of_kims(cancelled)
    assert (await hook(studio, id_, status="5.1.1")).status_code == 204
    async with cancelled.db.read() as conn:
        assert (await conn.execute(messages.select())).mappings().one()["early_words"] is None
