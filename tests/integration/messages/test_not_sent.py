"""Whom nothing is sent to, although a message of theirs was on its way, and what is said of it."""

import pytest
from integration.messages.conftest import due_now, rests, sending
from worlds.patience import eventually
from worlds.smtp_server import Fault

from app.db.messages import contacts


@pytest.fixture
async def pending(told, relay):
    """Messages of a job that has ended: their words are frozen, and the relay has put them off."""
    relay.faults(Fault("rcpt", code=450, text="4.2.0 not now"))
    await told.cancel("yoga")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: _all_tried(told))
    relay.faults()
    return told


async def _all_tried(told):
    return all(one["tries"] for one in await told.listed())


async def sent_then(told, relay):
    """What the relay has taken once nothing is pending any more, by recipient."""
    await due_now(told)
    async with sending(told, relay):
        await eventually(lambda: rests(told))
    return sorted(one.recipient for one in relay.taken())


async def said_of_kim(told):
    (one,) = await told.listed(client_id="kim")
    audit = (await told.studio.audit(told.job_id)).by_booking()["card"]
    return one["status"], one["because"], audit[0]["message_status"]


REST = ["lee@example.org", "mia@example.org", "noa@example.org"]


async def test_who_opts_out_while_their_message_is_pending_is_sent_nothing(pending, relay, studio):
    await studio.load(studio.record("client", "kim", wants_no_mail=True))
    assert await sent_then(pending, relay) == REST
    assert await said_of_kim(pending) == ("suppressed", "opted_out", "suppressed")


async def test_who_is_deleted_while_their_message_is_pending_is_sent_nothing(
    pending, relay, studio
):
    for path in ("bookings/card", "bookings/yen", "clients/kim"):
        assert (await studio.http.delete(f"/v1/{path}")).status_code == 204, path
    assert await sent_then(pending, relay) == REST
    assert await said_of_kim(pending) == ("suppressed", "deleted", "suppressed")


async def test_who_is_deleted_before_their_message_has_words_is_listed_as_not_told(
    told, relay, studio
):
    await told.cancel("yoga")
    await told.work()
    for path in ("bookings/card", "bookings/yen", "clients/kim"):
        assert (await studio.http.delete(f"/v1/{path}")).status_code == 204, path
    assert await sent_then(told, relay) == REST
    assert await said_of_kim(told) == ("suppressed", "deleted", "suppressed")


async def test_who_comes_back_to_the_schedule_can_be_sent_it_again(pending, relay, studio):
    for path in ("bookings/card", "bookings/yen", "clients/kim"):
        assert (await studio.http.delete(f"/v1/{path}")).status_code == 204, path
    await sent_then(pending, relay)
    await studio.load(studio.record("client", "kim"))
    (one,) = await pending.listed(client_id="kim")
    path = f"/bulk-cancellations/{pending.job_id}/messages/{one['id']}/resend"
    assert (await studio.post(path)).status_code == 200
    assert await sent_then(pending, relay) == ["kim@example.org", *REST]


async def test_an_address_that_complained_is_not_called_unreachable(pending, relay):
    async with pending.db.write() as conn:
        for address, because in (("kim@example.org", "complained"), ("lee@example.org", "5.1.1")):
            await contacts.suppress(conn, "studio", address, because=because, message_id=None)
    assert await sent_then(pending, relay) == REST[1:]
    assert (await said_of_kim(pending))[1] == "complained"
    (lees,) = await pending.listed(client_id="lee")
    assert lees["because"] == "unreachable"
