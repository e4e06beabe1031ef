"""What comes back of a message: who may say so, of which, once, and what it does."""

import json

import pytest
from integration.cancellations.hooks.sent import NEW, WRONG, signed
from unit.test_bounces import block, feedback, report

from app.config.settings import Settings
from app.db import tables

BOUNCES = "bounces@studio.example"


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
        hooks_secret=NEW,
        mail_bounces=BOUNCES,
    )


@pytest.fixture
async def sent(told):
    """The message to Kim, which a relay has taken; those to others are under way."""
    await told.cancel("yoga")
    await told.work()
    claimed = await told.claim()
    await told.send(claimed["kim"])
    return claimed["kim"]


async def kims(told):
    (one,) = await told.listed(client_id="kim")
    return one


async def hook(studio, message_id, said="bounced", *, event_id=None, **data):
    body = json.dumps({"type": f"message.{said}", "data": {"message_id": message_id, **data}})
    return await post(studio, body, signed(body, event_id=event_id))


async def post(studio, body, headers):
    """As a mail service does: without a key."""
    return await studio.http.post(
        "/v1/hooks/messages", content=body, headers=headers | {"authorization": ""}
    )


async def left_alone(studio):
    return {(one["address"], one["because"]) for one in await studio.pages("/suppressed-addresses")}


@pytest.mark.parametrize("named", ["{}", "<{}@studio.example>", "{}@studio.example"])
async def test_a_message_whose_address_is_dead_is_bounced_and_nothing_more_is_sent_there(
    told, studio, sent, named
):
    detail = "550 5.1.1 <kim@example.org> no such user"
    answer = await hook(studio, named.format(sent.id), status="5.1.1", detail=detail)
    assert (answer.status_code, answer.content) == (204, b"")
    one = await kims(told)
    assert (one["status"], one["because"]) == ("bounced", "5.1.1")
    assert one["detail"] == "550 5.1.1 (address) no such user"
    assert await left_alone(studio) == {("kim@example.org", "bounced")}


@pytest.mark.parametrize("status", ["5.2.2", "4.4.7", "5.7.1", None])
async def test_a_full_mailbox_or_one_that_was_not_reached_is_written_to_again(
    told, studio, sent, status
):
    await hook(studio, sent.id, status=status)
    assert (await kims(told))["status"] == "bounced"
    assert await left_alone(studio) == set()


async def test_who_complains_was_told_and_is_told_no_more(told, studio, sent):
    assert (await hook(studio, sent.id, "complained")).status_code == 204
    assert (await kims(told))["status"] == "sent"
    assert await left_alone(studio) == {("kim@example.org", "complained")}


@pytest.mark.parametrize("said", ["delivered", "opened"])
async def test_what_says_nothing_new_changes_nothing(told, studio, sent, said):
    assert (await hook(studio, sent.id, said)).status_code == 204
    assert (await kims(told))["status"] == "sent"
    assert await left_alone(studio) == set()


async def test_what_was_not_sent_and_what_there_is_not_are_answered_as_what_was(told, studio, sent):
    (other,) = await told.listed(client_id="mia")
    answers = {
        ((answer := await hook(studio, named, said, status="5.1.1")).status_code, answer.content)
        for named in (
            sent.id,
            other["id"],
            "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f",
            "<x@y>",
            "<>",
            "\N{SNOWMAN} or '",
        )
        for said in ("bounced", "complained")
    }
    assert answers == {(204, b"")}
    (other,) = await told.listed(client_id="mia")
    assert other["status"] == "pending"
    assert {address for address, _ in await left_alone(studio)} == {"kim@example.org"}


async def test_an_event_counts_once(told, studio, sent):
    await hook(studio, sent.id, event_id="evt-1", status="5.2.2")
    path = f"/bulk-cancellations/{told.job_id}/messages/{sent.id}/resend"
    assert (await studio.post(path)).status_code == 200
    again = (await told.claim())["kim"]
    await told.send(again)
    assert (await hook(studio, sent.id, event_id="evt-1", status="5.2.2")).status_code == 204
    assert (await kims(told))["status"] == "sent"
    await hook(studio, sent.id, event_id="evt-2", status="5.2.2")
    assert (await kims(told))["status"] == "bounced"


async def test_what_is_not_signed_changes_nothing(told, studio, sent):
    body = json.dumps(
        {"type": "message.bounced", "data": {"message_id": sent.id, "status": "5.1.1"}}
    )
    answer = await post(studio, body, signed(body, secret=WRONG))
    assert (answer.status_code, answer.json()["type"]) == (
        401,
        "/problems/hook-signature-invalid",
    )
    assert (await kims(told))["status"] == "sent"
    assert await studio.rows(tables.hook_events) == []


async def test_a_report_as_it_came_says_what_a_hook_says(told, studio, sent):
    raw = report(block("failed", "5.1.1"), to=f"bounces+{sent.id}@studio.example", returned="")
    as_mail = {"content-type": "message/rfc822; charset=utf-8"}
    assert (await post(studio, raw, signed(raw) | as_mail)).status_code == 204
    one = await kims(told)
    assert (one["status"], one["because"]) == ("bounced", "5.1.1")
    assert await left_alone(studio) == {("kim@example.org", "bounced")}


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
async def test_a_report_that_something_is_late_or_there_bounces_nothing(told, studio, sent, action):
    raw = report(block(action, "4.4.1"), to=f"bounces+{sent.id}@studio.example")
    answer = await post(studio, raw, signed(raw) | {"content-type": "message/rfc822"})
    assert answer.status_code == 204
    assert (await kims(told))["status"] == "sent"


async def test_a_mail_that_is_no_report_is_nothing_to_us(studio):
    raw = b"Subject: I am on holiday\r\n\r\nUntil Monday.\r\n"
    answer = await post(studio, raw, signed(raw) | {"content-type": "message/rfc822"})
    assert answer.status_code == 204


async def test_a_body_that_is_no_such_hook_is_refused_with_what_is_wrong(studio):
    answer = await hook(studio, "x", status="gone")
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/data/status"]
    raw = b"x"
    answer = await post(studio, raw, signed(raw) | {"content-type": "text/plain"})
    assert answer.status_code == 415
    assert "message/rfc822" in answer.json()["detail"]


async def test_a_complaint_as_it_came_leaves_its_address_alone(told, studio, sent):
    raw = feedback(returned=f"Message-ID: <{sent.id}@studio.example>\r\n")
    as_mail = {"content-type": "message/rfc822"}
    assert (await post(studio, raw, signed(raw) | as_mail)).status_code == 204
    assert (await kims(told))["status"] == "sent"
    assert await left_alone(studio) == {("kim@example.org", "complained")}
    path = f"/bulk-cancellations/{told.job_id}/messages/{sent.id}/resend"
    assert (await studio.post(path)).status_code == 200
    assert (await told.claim())["kim"].contact.suppressed == "complained"


async def test_a_complaint_that_names_no_mail_is_answered_alike_and_changes_nothing(studio, sent):
    for returned in ("Subject: Yoga\r\n", "Message-ID: <other@studio.example>\r\n"):
        raw = feedback(returned=returned)
        answer = await post(studio, raw, signed(raw) | {"content-type": "message/rfc822"})
        assert (answer.status_code, answer.content) == (204, b"")
    assert await left_alone(studio) == set()
