"""Messages on their way through a real relay: what arrives says what the books say."""

import email
import email.policy
import re

from integration.messages.conftest import TOLD, due_now, rests, sending
from worlds.meters import counted
from worlds.patience import eventually
from worlds.records import booking, client
from worlds.smtp_server import Fault

from app.db.messages import claims


def arrived(relay):
    """Each mail by its recipient; a second one would be lost here, so none may be."""
    taken = relay.taken()
    assert len({one.recipient for one in taken}) == len(taken)
    return {
        one.recipient: email.message_from_bytes(one.raw, policy=email.policy.default)
        for one in taken
    }


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


async def of_kim(told):
    return await told.listed(client_id="kim")


async def test_what_arrives_says_what_came_back(told, relay):
    sent_before = counted("bulk_cancel_messages_tried_total", status="sent")
    await told.cancel("yoga", "spin", messages=TOLD | {"text": "The heating has failed."})
    await told.work()
    async with sending(told, relay, public_url="https://book.example/"):
        await eventually(lambda: len(relay.taken()) == 4)
    mails = arrived(relay)
    kims = mails["kim@example.org"]
    assert "20,00\N{NO-BREAK SPACE}$" in text_of(kims)  # as Canada's French has it
    assert "The heating has failed." in text_of(kims)
    assert "https://book.example/c/studio" in text_of(kims)
    assert str(kims["From"]) == "Studio <bookings@studio.example>"
    calendar = next(one for one in kims.walk() if one.get_content_type() == "text/calendar")
    assert len(re.findall("BEGIN:VEVENT", calendar.get_content())) == 2
    assert {one["status"] for one in await told.listed()} == {"sent"}
    assert counted("bulk_cancel_messages_tried_total", status="sent") == sent_before + 4
    assert (await told.studio.books())["sums"]["CAD"] == 2000 + 900
    assert "$9.00" in text_of(mails["noa@example.org"])
    assert "2 credits" in text_of(mails["lee@example.org"])


async def test_one_that_is_greylisted_does_not_slow_the_others_down(told, relay, monkeypatch):
    many = [f"c{number}" for number in range(24)]
    await told.studio.load(*map(client, many))
    await told.studio.load(*(booking(f"of-{one}", "yoga", client_id=one) for one in many))
    asked, claim = [], claims.claim

    async def watched(conn, business_id, *, most, **rest):
        asked.append(most)
        return await claim(conn, business_id, most=most, **rest)

    monkeypatch.setattr(claims, "claim", watched)
    relay.faults(Fault("rcpt", code=450, text="4.7.1 greylisted", each=True, times=1))
    await told.cancel("yoga")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.book("fault")) == len(many) + 4)
        assert min(asked) > 1
        await eventually(lambda: _all_tried(told))
        await due_now(told)
        await eventually(lambda: rests(told))
    assert len(arrived(relay)) == len(many) + 4


async def test_one_that_is_put_off_comes_later_with_the_same_id_and_date(told, relay):
    relay.faults(Fault("taken", "drop", times=1))  # taken, and never heard
    await told.cancel("spin")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.taken()) == 1)
        await eventually(lambda: _tries(told, 1))
        await due_now(told)
        await eventually(lambda: len(relay.taken()) == 2)
    first, second = relay.taken()
    assert first.message_id == second.message_id
    dates = [email.message_from_bytes(one.raw)["Date"] for one in (first, second)]
    assert dates[0] == dates[1]
    (kims,) = await of_kim(told)
    assert (kims["status"], kims["tries"]) == ("sent", 2)


async def _all_tried(told):
    return all(one["tries"] for one in await told.listed())


async def _tries(told, count):
    (one,) = await of_kim(told)
    return one["tries"] >= count


async def test_a_dead_address_fails_the_message_and_is_left_alone(told, relay):
    relay.faults(Fault("rcpt", code=550, text="5.1.1 no such user", recipient="kim@example.org"))
    await told.cancel("yoga")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.taken()) == 3)
        await eventually(lambda: rests(told))
    (kims,) = await of_kim(told)
    assert (kims["status"], kims["because"]) == ("failed", "refused_550")
    (left_alone,) = await told.studio.pages("/suppressed-addresses")
    assert left_alone["address"] == "kim@example.org"


async def test_an_absent_relay_costs_no_message_a_try(told, relay):
    relay.faults(Fault("greeting", code=421, text="not now"))
    await told.cancel("spin")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.book("fault")) >= 1)
        await eventually(lambda: _said(told))
    (kims,) = await of_kim(told)
    assert (kims["status"], kims["tries"]) == ("pending", 0)
    relay.faults()
    async with sending(told, relay):
        await eventually(lambda: len(relay.taken()) == 1)


async def _said(told):
    (one,) = await of_kim(told)
    return one["detail"] is not None


async def test_who_wants_none_is_written_down_as_not_told(told, relay, studio):
    await studio.load(studio.record("client", "kim", wants_no_mail=True))
    await told.cancel("spin")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: rests(told))
    (kims,) = await of_kim(told)
    assert (kims["status"], kims["because"]) == ("suppressed", "opted_out")
    assert relay.taken() == []


async def test_staff_get_sums_and_causes_and_nobodys_name(told, relay, studio):
    await studio.faults(refuse_ids={"card-payment-1": "refund_window_expired"})
    await told.cancel("yoga", messages={"staff": ["owner@studio.example"]})
    await told.work()
    async with sending(told, relay, public_url="https://book.example"):
        await eventually(lambda: len(relay.taken()) == 1)
    text = text_of(arrived(relay)["owner@studio.example"])
    assert "refund_window_expired" in text
    assert f"https://book.example/jobs/{told.job_id}" in text
    assert "Kim" not in text


async def test_fifty_bookings_of_one_client_are_one_message(told, relay, studio):
    for number in range(50):
        await studio.session(f"s{number:02}", starts_in_hours=24 + number)
        await studio.booking(f"b{number:02}", f"s{number:02}", ("CAD", 100))
    await told.cancel(*(f"s{number:02}" for number in range(50)))
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.taken()) >= 1)
        await eventually(lambda: rests(told))
    (mail,) = arrived(relay).values()
    assert "50,00" in text_of(mail)


async def test_a_preview_is_the_message_with_the_figures_of_now(told, studio):
    await told.cancel("yoga")
    await told.work()
    path = f"/v1/bulk-cancellations/{told.job_id}/messages/preview"
    shown = (await studio.http.post(path, json={"client_id": "kim", "language": "en"})).json()
    assert "$20.00" in shown["text"]
    assert shown["html"].lower().startswith("<!doctype html>")
    nobody = await studio.http.post(path, json={"client_id": "nobody"})
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/client_id")


async def test_a_businesss_own_words_are_sent_and_bad_ones_are_not_kept(told, relay, studio):
    path = "/v1/message-templates/fr"
    bad = await studio.http.put(path, json={"body": "{{ details }} {{ nope }}"})
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["pointer"] == "/body"
    assert (await studio.get("/message-templates"))["data"] == []
    words = {"subject": "Oh non, {{ client_name }}", "body": "Salut !\n\n{{ details }}"}
    assert (await studio.http.put(path, json=words)).status_code == 200
    await told.cancel("spin")
    await told.work()
    async with sending(told, relay):
        await eventually(lambda: len(relay.taken()) == 1)
    mail = arrived(relay)["kim@example.org"]
    assert str(mail["Subject"]) == "Oh non, Kim"
    assert text_of(mail).startswith("Salut !")
    assert (await studio.http.delete(path)).status_code == 204
    assert (await studio.http.delete(path)).status_code == 404
