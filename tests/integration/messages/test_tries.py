"""What comes of a message: sent, put off, refused, come back, sent again; and to whom it is not."""

import sqlalchemy as sa
from worlds.records import client

from app.db.messages import attempts, later_words
from app.db.messages.attempts import TryRow
from app.db.tables.messages import messages, suppressed_addresses
from app.domain.nouns.messages import LaterSaid
from app.domain.statuses import MessageStatus, SuppressedBecause

DEAD = LaterSaid(is_complaint=False, code="5.1.1", detail="x", for_good=True)
FULL = LaterSaid(is_complaint=False, code="4.2.2", detail="x")


async def record(told, one, status, **came):
    async with told.db.write() as conn:
        await attempts.record(conn, "studio", [TryRow(one.id, one.epoch, status, **came)])


async def kims(told):
    await told.cancel("yoga")
    await told.work()
    return (await told.claim())["kim"]


async def test_a_claim_that_is_over_writes_nothing_but_that_it_was_sent(told):
    first = await kims(told)
    async with told.db.write() as conn:
        await conn.execute(sa.update(messages).values(due_at=messages.c.created_at))
    second = (await told.claim())["kim"]
    assert second.epoch == first.epoch + 1
    await record(told, first, MessageStatus.FAILED, because="550")
    (one,) = await told.listed(client_id="kim")
    assert one["status"] == "pending"
    await record(told, first, MessageStatus.SENT, recipient="kim@example.org")
    await record(told, second, MessageStatus.PENDING, due_in_seconds=60.0)
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["recipient"]) == ("sent", "kim@example.org")


async def test_every_try_says_the_same(told, studio):
    first = await kims(told)
    await record(told, first, MessageStatus.PENDING, due_in_seconds=0.0)
    again = (await told.claim())["kim"]
    assert (again.facts, again.composed_at) == (first.facts, first.composed_at)
    assert again.tries == 1


async def test_who_wants_no_mail_or_has_no_address_is_sent_none(told, studio):
    await studio.load(client("kim", wants_no_mail=True), client("lee", email=None))
    await told.cancel("yoga")
    await told.work()
    claimed = await told.claim()
    assert claimed["kim"].contact.suppressed is SuppressedBecause.OPTED_OUT
    assert claimed["lee"].contact.suppressed is SuppressedBecause.NO_ADDRESS
    assert claimed["mia"].contact.suppressed is None


async def test_an_address_that_takes_nothing_is_left_alone_until_it_is_let_in(told, studio):
    first = await kims(told)
    await record(
        told,
        first,
        MessageStatus.FAILED,
        because="550",
        recipient="Kim@Example.org",
        unreachable=True,
    )
    (listed,) = await studio.pages("/suppressed-addresses")
    assert (listed["address"], listed["because"]) == ("kim@example.org", "550")
    path = f"/bulk-cancellations/{told.job_id}/messages/{first.id}/resend"
    assert (await studio.post(path)).status_code == 200
    again = (await told.claim())["kim"]
    assert again.contact.suppressed is SuppressedBecause.UNREACHABLE
    gone = await studio.http.delete("/v1/suppressed-addresses/kim@example.org")
    assert gone.status_code == 204
    assert await studio.rows(suppressed_addresses) == []


async def test_one_that_comes_back_is_bounced_and_its_address_left_alone_if_for_good(told, studio):
    first = await kims(told)
    async with told.db.write() as conn:
        assert not await later_words.apply(conn, first.id, DEAD)
    await told.send(first)
    async with told.db.write() as conn:
        assert await later_words.apply(conn, first.id, FULL)
    assert await studio.rows(suppressed_addresses) == []
    async with told.db.write() as conn:
        assert await later_words.apply(conn, first.id, DEAD)
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["because"]) == ("bounced", "5.1.1")
    assert len(await studio.rows(suppressed_addresses)) == 1


async def test_only_what_rests_is_sent_again(told, studio):
    first = await kims(told)
    path = f"/bulk-cancellations/{told.job_id}/messages/{first.id}/resend"
    answer = await studio.post(path)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/message-pending")
    await told.send(first)
    answer = await studio.post(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    again = (await told.claim())["kim"]
    assert (again.facts, again.tries) == (first.facts, 0)


async def test_names_and_addresses_are_for_a_key_that_may_read_them(told, studio, stranger):
    first = await kims(told)
    await told.send(first)
    path = f"/v1/bulk-cancellations/{told.job_id}/messages"
    assert (await stranger.http.get(path)).status_code == 404
    assert (await stranger.http.post(f"{path}/{first.id}/resend")).status_code == 404
    counts = (await studio.http.get(f"{path}/counts")).json()
    assert (counts["sent"], counts["pending"]) == (1, 3)


async def test_a_business_says_once_whom_to_tell_and_a_request_says_otherwise(told, studio):
    own = {"clients": "email", "within_hours": 5, "language": "fr", "reply_to": "us@studio.example"}
    answer = await studio.http.put("/v1/message-settings", json=own)
    assert answer.status_code == 200, answer.text
    assert (await studio.get("/message-settings")) == answer.json()
    job = await studio.accepted(["yoga"])
    assert (job["messages"]["clients"], job["messages"]["within_hours"]) == ("email", 5)
    other = await studio.accepted(["spin"], messages={"within_hours": 1, "text": "Sorry!"})
    assert (
        other["messages"] | {"clients": "email", "within_hours": 1, "text": "Sorry!"}
        == (other["messages"])
    )
    silent = await studio.accepted(["begun"], messages={"clients": "none"})
    assert silent["messages"] is None


async def test_any_key_learns_in_which_language_its_business_s_pages_speak(studio):
    said = await studio.get("/business")
    assert (said["language"], said["hour_cycle"]) == ("en", None)
    own = {"clients": "none", "language": "ar", "hour_cycle": "h12"}
    assert (await studio.http.put("/v1/message-settings", json=own)).status_code == 200
    said = await studio.get("/business")
    assert (said["language"], said["hour_cycle"]) == ("ar", "h12")


async def test_bad_settings_name_the_member_and_change_nothing(told, studio):
    before = await studio.get("/message-settings")
    for body, pointer in (
        ({"clients": "sms"}, "/clients"),
        ({"staff": ["no address"]}, "/staff/0"),
        ({"within_hours": -1}, "/within_hours"),
        ({"language": "tlh"}, "/language"),
        ({"reply_to": "a@b\r\nBcc: c@d.example"}, "/reply_to"),
        ({"colour": "red"}, "/colour"),
    ):
        answer = await studio.http.put("/v1/message-settings", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert await studio.get("/message-settings") == before


async def test_a_try_says_what_the_first_said_though_something_has_changed(told, studio):
    await studio.faults(pending=True)
    await told.cancel("yoga")
    await told.slice()
    await told.let_time_be_up()
    first = (await told.claim())["kim"]
    await record(told, first, MessageStatus.PENDING, due_in_seconds=0.0)
    await studio.faults()
    studio.looks_up_soon()
    await told.work()
    again = (await told.claim(most=1))["kim"]
    assert (again.id, again.facts) == (first.id, first.facts)
    following = (await told.claim())["kim"]
    assert following.facts != first.facts


async def test_what_never_went_out_counts_as_not_told(told, studio):
    await studio.faults(refuse_ids={"card-payment-1": "refund_window_expired"})
    first = await kims(told)
    await record(told, first, MessageStatus.FAILED, because="550")
    await studio.post(f"/bulk-cancellations/{told.job_id}/retry")
    await told.work()
    again = (await told.claim())["kim"]  # it has come to nothing as before, which nobody has read
    assert (again.id != first.id, again.facts) == (True, first.facts)
