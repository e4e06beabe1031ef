"""A client stops their mail by a link: who may, what does it, what does not, and what it stops."""

import email
import email.policy
import json

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from integration.messages.conftest import TOLD, rests, sending
from worlds.patience import eventually
from worlds.problems import problem
from worlds.records import booking, client
from worlds.studio import calling

from app.cancellation.choices import links
from app.db import tables as t
from app.encryption import SecretBox
from app.messages import unsubscribe
from app.messages.unsubscribe import WhoseMail

BASE = "https://book.example"
KIM = WhoseMail("studio", "kim")
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
PARTS = (
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
)


class Mailing:
    """A studio whose mails have a link that stops them, and what a client does with theirs."""

    def __init__(self, told, http):
        self.told, self.studio, self.http = told, told.studio, http

    def token(self, whose=KIM):
        return unsubscribe.token_of(self.studio.runtime.settings.secret_box(), whose)

    async def read(self, token=None):
        return await self.http.get(f"/v1/mail-preferences/{token or self.token()}")

    async def say(self, token=None, *, wants_mail):
        path = f"/v1/mail-preferences/{token or self.token()}"
        return await self.http.put(path, json={"wants_mail": wants_mail})

    async def click(self, token=None, body=ONE_CLICK, content_type=FORM):
        path = f"/unsubscribe/{token or self.token()}"
        return await self.http.post(path, content=body, headers={"Content-Type": content_type})

    async def stopped_at(self, client_id="kim"):
        async with self.studio.db.read() as conn:
            query = sa.select(t.clients.c.mail_stopped_at).where(t.clients.c.id == client_id)
            return await conn.scalar(query)


@pytest.fixture
async def mailing(told):
    answer = await told.studio.http.put("/v1/message-settings", json={"unsubscribe": True})
    assert (answer.status_code, answer.json()["unsubscribe"]) == (200, True)
    async with calling(told.studio.app) as anybody:
        yield Mailing(told, anybody)


def mails(relay):
    return {
        one.recipient: email.message_from_bytes(one.raw, policy=email.policy.default)
        for one in relay.taken()
    }


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


async def tell(told, relay, *session_ids, public_url=BASE, **messages):
    await told.cancel(*session_ids, messages=TOLD | messages, key=session_ids[0])
    await told.work()
    async with sending(told, relay, public_url=public_url):
        await eventually(lambda: rests(told))
    return mails(relay)


async def test_a_mail_is_stopped_by_what_stands_in_it_and_the_next_is_not_sent(
    mailing, told, relay, studio
):
    told_by = await tell(told, relay, "yoga", staff=["owner@studio.example"])
    kims = told_by["kim@example.org"]
    assert kims["List-Unsubscribe-Post"] == ONE_CLICK
    link = kims["List-Unsubscribe"].strip("<>")
    assert link in text_of(kims)
    assert link in kims.get_body(("html",)).get_content()
    assert text_of(kims).rstrip().endswith(link)  # the foot
    assert "Ne plus recevoir" in text_of(kims)
    assert told_by["owner@studio.example"]["List-Unsubscribe"] is None
    answer = await mailing.http.post(
        link.removeprefix(BASE), content=ONE_CLICK, headers={"Content-Type": FORM}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert "kim@example.org" in await tell(told, relay, "spin")  # that of before
    assert len(relay.taken()) == len(told_by)
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["because"]) == ("suppressed", "opted_out")
    audit = (await studio.audit(told.job_id)).by_booking()["yen"]
    assert audit[0]["message_status"] == "suppressed"
    assert (await studio.books())["sums"]["JPY"] == 500  # the money comes all the same


async def test_a_pending_message_is_not_sent_to_who_stops_it(mailing, told, relay):
    await told.cancel("spin")
    await told.work()
    await mailing.say(wants_mail=False)
    async with sending(told, relay):
        await eventually(lambda: rests(told))
    assert relay.taken() == []
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["because"]) == ("suppressed", "opted_out")


@pytest.mark.parametrize("public_url", ["http://book.example", None])
async def test_mail_programs_are_given_an_https_address_or_none(mailing, told, relay, public_url):
    (kims,) = (await tell(told, relay, "spin", public_url=public_url)).values()
    assert kims["List-Unsubscribe"] is None
    assert kims["List-Unsubscribe-Post"] is None
    assert ("/unsubscribe/" in text_of(kims)) is (public_url is not None)


async def test_by_default_no_mail_can_be_stopped(told, relay):
    (kims,) = (await tell(told, relay, "spin")).values()
    assert kims["List-Unsubscribe"] is None
    assert "/unsubscribe/" not in text_of(kims)


async def test_a_businesss_own_words_have_the_link_below_them(mailing, told, relay, studio):
    words = {"body": "Salut !\n\n{{ details }}"}
    assert (await studio.http.put("/v1/message-templates/fr", json=words)).status_code == 200
    (kims,) = (await tell(told, relay, "spin")).values()
    assert text_of(kims).startswith("Salut !")
    assert text_of(kims).rstrip().endswith(mailing.token())


async def test_to_look_at_a_link_changes_nothing(mailing, studio):
    before = await studio.everything()
    token = mailing.token()
    for path in (f"/v1/mail-preferences/{token}", f"/unsubscribe/{token}"):
        for method in ("GET", "HEAD"):
            answer = await mailing.http.request(method, path)
            assert answer.status_code == 200
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    answer = await mailing.read()
    assert answer.json() == {"business": "Studio", "language": "fr-CA", "state": "on"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert await studio.everything() == before


async def test_one_click_in_either_form_stops_it_once_without_a_cookie_or_another_page(mailing):
    for body, content_type in (
        (PARTS, "multipart/form-data; boundary=b"),
        (ONE_CLICK, FORM),
        (f"a=b&{ONE_CLICK}", f"{FORM}; charset=utf-8"),
    ):
        await mailing.say(wants_mail=True)
        answers = [await mailing.click(body=body, content_type=content_type) for _ in range(2)]
        assert {(one.status_code, one.content) for one in answers} == {(200, b"")}
        assert not any({"set-cookie", "location"} & {*one.headers} for one in answers)
        assert await mailing.stopped_at() is not None


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("", FORM, 422),
        ("List-Unsubscribe=No", FORM, 422),
        ("&".join(f"a{n}=b" for n in range(20)) + f"&{ONE_CLICK}", FORM, 422),
        (ONE_CLICK, "application/json", 415),
        (ONE_CLICK, "multipart/form-data; boundary=b", 422),
        (PARTS, "multipart/form-data", 422),
        (f"a={'b' * 5000}&{ONE_CLICK}", FORM, 413),
    ],
)
async def test_what_is_no_one_click_is_refused_and_changes_nothing(
    mailing, body, content_type, status
):
    answer = await mailing.click(body=body, content_type=content_type)
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/List-Unsubscribe"
    assert await mailing.stopped_at() is None


async def test_a_token_that_was_not_given_leads_nowhere(mailing, studio):
    token, box = mailing.token(), studio.runtime.settings.secret_box()
    whose, code = token.split(".")
    other = mailing.token(WhoseMail("studio", "lee")).split(".")[0]
    wrong = {
        "another client's": f"{other}.{code}",
        "no code": f"{whose}.",
        "no code at all": whose,
        "longer": f"{token}A",
        "huge": "x" * 5000,
        "a choice's": links.token_of(box, "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f", "kim"),
        "another service's": unsubscribe.token_of(SecretBox([Fernet.generate_key().decode()]), KIM),
        "of nobody": mailing.token(WhoseMail("studio", "nobody")),
        "of another business": mailing.token(WhoseMail("other", "kim")),
    }
    before = await studio.everything()
    for how, one in wrong.items():
        for answer in (
            await mailing.read(one),
            await mailing.say(one, wants_mail=False),
            await mailing.click(one),
        ):
            problem(answer, 404, "not-found")
            assert one not in answer.text, how
    assert await studio.everything() == before
    assert links.read(box, token) is None


async def test_what_the_platform_says_later_is_not_the_clients_word(mailing, studio):
    await mailing.say(wants_mail=False)
    first = await mailing.stopped_at()
    await mailing.say(wants_mail=False)
    await studio.load(client("kim", language="de"))
    await studio.load(client("kim", wants_no_mail=True))
    await studio.load(client("kim", wants_no_mail=False))
    put = await studio.http.put("/v1/clients/kim", json={"name": "Kim", "email": "k@example.org"})
    assert put.status_code == 200
    shown = await studio.get("/clients/kim")
    assert put.json() == shown
    assert shown["wants_no_mail"] is True
    assert shown["mail_stopped_at"] is not None
    assert await mailing.stopped_at() == first
    for path in ("bookings/card", "bookings/yen", "clients/kim"):
        assert (await studio.http.delete(f"/v1/{path}")).status_code == 204
    assert (await mailing.click()).status_code == 200  # they may come back
    await studio.load(client("kim"), booking("card", "yoga", ("CAD", 2000)))
    assert await mailing.stopped_at() == first


async def test_there_is_a_way_back_from_what_the_client_said_and_not_from_the_businesss_word(
    mailing, studio
):
    assert (await mailing.say(wants_mail=False)).json()["state"] == "stopped"
    assert (await mailing.say(wants_mail=True)).json()["state"] == "on"
    await studio.load(client("kim", wants_no_mail=True))
    assert (await mailing.say(wants_mail=True)).json()["state"] == "stopped_by_business"
    assert (await studio.get("/clients/kim"))["wants_no_mail"] is True


@pytest.mark.parametrize("body", [{}, {"wants_mail": None}, {"wants_mail": "no"}, {"wants": True}])
async def test_a_wish_that_is_none_names_its_member(mailing, body):
    answer = await mailing.http.put(f"/v1/mail-preferences/{mailing.token()}", json=body)
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} <= {"/wants_mail", "/wants"}
    assert await mailing.stopped_at() is None


async def test_no_log_has_a_token_or_says_whose_it_is(mailing, capfd):
    token = mailing.token()
    await mailing.read()
    await mailing.say(wants_mail=True)
    await mailing.click()
    await mailing.say(wants_mail=True)
    await mailing.http.get(f"/unsubscribe/{token}")
    said = "".join(capfd.readouterr())
    paths = [json.loads(line)["path"] for line in said.splitlines() if '"request.answered"' in line]
    assert paths[-5:] == [
        *["/v1/mail-preferences/{token}"] * 2,
        "/unsubscribe/{token}",
        "/v1/mail-preferences/{token}",
        "/unsubscribe/{token}",
    ]
    for part in (*token.split("."), "kim"):
        assert part not in said
    assert said.count('"client.mail_stopped"') == said.count('"client.mail_resumed"') == 1
