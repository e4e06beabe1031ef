"""A planned message that a business sends itself: whither, what it is, and what stays untouched."""

import email
import email.policy
from dataclasses import replace

import pytest
from integration.messages.conftest import TOLD
from pydantic import SecretStr
from worlds.smtp_server import Fault, smtp_server
from worlds.studio import caller

from app.auth.keys import create_key
from app.auth.roles import Scope
from app.config.settings import Settings

PATH = "/v1/bulk-cancellations/plan/message/send"
OWNER, DESK = "owner@studio.example", "desk@studio.example"
OWN = TOLD | {"staff": [OWNER], "reply_to": DESK, "sender_name": "The Studio"}


@pytest.fixture
def relay(tmp_path):
    with smtp_server(tmp_path / "relay") as server:
        yield server


@pytest.fixture
def settings(database_url, relay):
    return Settings(
        database_url=database_url,
        smtp_url=SecretStr(relay.url),
        mail_from="bookings@service.example",
        smtp_timeout_seconds=5,
        lease_seconds=30,
    )


@pytest.fixture
async def desk(told, studio):
    """A studio that has said where its own mail goes."""
    assert (await studio.http.put("/v1/message-settings", json=OWN)).status_code == 200
    return studio


async def send(studio, **members):
    return await studio.http.post(PATH, json=studio.body() | members)


def only_mail(relay):
    (taken,) = relay.taken()
    return taken, email.message_from_bytes(taken.raw, policy=email.policy.default)


async def test_a_test_is_the_message_and_says_that_it_is_none(desk, relay):
    before = await desk.everything()
    answer = await send(desk, client_id="kim", reason="Snow")
    assert (answer.status_code, answer.json()) == (200, {"to": DESK})
    assert await desk.everything() == before
    taken, mail = only_mail(relay)
    assert taken.recipient == DESK
    path = "/v1/bulk-cancellations/plan/message"
    plan = await desk.http.post(path, json=desk.body(client_id="kim", reason="Snow"))
    message = plan.json()["message"]
    assert str(mail["Subject"]) == f"Essai : {message['subject']}"
    assert str(mail["From"]) == "The Studio <bookings@service.example>"
    assert (str(mail["To"]), str(mail["Reply-To"])) == (DESK, DESK)
    content = mail.get_body(("plain",)).get_content()
    assert content.replace("\r\n", "\n") == message["text"]
    # A calendar would take the classes out of the reader's own.
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]


async def test_it_goes_to_who_is_named_in_the_settings_and_to_nobody_else(desk, relay):
    assert (await send(desk, to=OWNER.upper())).json() == {"to": OWNER}
    for other in ("kim@example.org", f"{OWNER}.example", f"{OWNER},kim@example.org"):
        answer = await send(desk, to=other)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/to")
    # Nor do the addresses of the body count: who writes it may name anybody there.
    answer = await send(desk, to="kim@example.org", messages={"staff": ["kim@example.org"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/to")
    taken, _ = only_mail(relay)
    assert taken.recipient == OWNER


async def test_without_an_address_or_a_client_to_tell_nothing_is_sent(desk, relay):
    answer = await send(desk, messages={"clients": "none"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/messages/clients"
    assert (await desk.http.put("/v1/message-settings", json=TOLD)).status_code == 200
    answer = await send(desk)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/to")
    assert relay.taken() == []


@pytest.mark.parametrize(
    ("fault", "status", "slug", "code"),
    [
        (Fault("rcpt", code=550, text="5.1.1 no such user"), 502, "mail-refused", 550),
        (Fault("rcpt", code=450, text="4.2.0 later"), 503, "mail-unavailable", 450),
        (Fault("greeting", code=421), 503, "mail-unavailable", None),
        (Fault("taken", "drop"), 503, "mail-unavailable", None),
        (Fault("data", "silence"), 503, "mail-unavailable", None),
    ],
)
async def test_what_the_relay_does_is_told_and_leaves_nothing_behind(
    desk, relay, fault, status, slug, code
):
    relay.faults(fault)
    before = await desk.everything()
    answer = await send(desk, to=OWNER)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{slug}")
    assert problem["smtp_code"] == code
    assert "@" not in problem["detail"]
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert await desk.everything() == before
    assert await desk.pages("/suppressed-addresses") == []


async def test_more_than_six_a_minute_are_too_many_and_the_rest_goes_on(desk, relay, stranger):
    answers = [await send(desk, client_id="kim") for _ in range(7)]
    assert [one.status_code for one in answers] == [200] * 6 + [429]
    assert answers[-1].headers["RateLimit-Policy"] == '"test-mails";q=6;w=60'
    assert len(relay.taken()) == 6
    assert (await desk.plan()).status_code == 200
    theirs = await stranger.http.post(PATH, json=stranger.body(messages=TOLD))
    assert theirs.status_code == 422  # it has no address; and is asked for it


async def test_who_may_read_may_not_send(desk, relay):
    scopes = [Scope.CANCELLATIONS_READ, Scope.AUDIT_READ]
    async with caller(desk.app, await create_key(desk.db, "studio", "reader", scopes)) as http:
        answer = await http.post(PATH, json=desk.body())
    assert (answer.status_code, answer.json()["scope"]) == (403, "cancellations:write")
    assert relay.taken() == []


async def test_a_name_with_line_breaks_adds_no_header(desk, relay):
    await desk.load(desk.record("client", "kim", language="en"))
    words = {"subject": "Hi {{ client_name }}\nBcc: all@example.org", "body": None}
    assert (await desk.http.put("/v1/message-templates/en", json=words)).status_code == 200
    assert (await send(desk, client_id="kim", language="en")).status_code == 200
    _, mail = only_mail(relay)
    assert mail["Bcc"] is None
    assert str(mail["Subject"]) == "Test: Hi Kim Bcc: all@example.org"


class TestWithoutRelay:
    """No mail server is named."""

    @pytest.fixture
    def settings(self, database_url, tmp_path):
        return Settings(database_url=database_url, outbox=tmp_path / "outbox", lease_seconds=30)

    async def test_it_lands_in_the_outbox_of_an_embedded_process(self, desk, tmp_path):
        assert (await send(desk)).json() == {"to": DESK}
        (kept,) = (tmp_path / "outbox").glob("*.eml")
        assert b"To: desk@studio.example" in kept.read_bytes()

    async def test_without_an_outbox_too_it_is_said_that_mail_is_not_configured(self, desk):
        bare = desk.app.state.service.settings.model_copy(
            update={"redis_url": "redis://elsewhere.example"}
        )
        desk.app.state.service = replace(desk.app.state.service, settings=bare)
        answer = await send(desk)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/mail-not-configured")
