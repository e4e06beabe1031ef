"""What a plan says of its messages is what is sent when it is accepted."""

import re

import pytest
import sqlalchemy as sa
from integration.messages.conftest import TOLD
from worlds.sample_keys import SECRETS_KEY
from worlds.studio import caller

from app.auth.keys import create_key
from app.auth.roles import Scope
from app.cancellation.expand import expand_chunk
from app.config.settings import Settings
from app.db.jobs import jobs
from app.db.messages import claims
from app.db.tables.messages import suppressed_addresses
from app.domain.statuses import SuppressedBecause
from app.messages import mails, unsubscribe
from app.messages.deliver import office_of

PATH = "/v1/bulk-cancellations/plan/message"
AT_ONCE = TOLD | {"when": "accepted"}
CHOICE = {
    "choice": {
        "offer": ["original", "store_credit"],
        "default": "original",
        "within_hours": 48,
        "bonus_percent": 10,
    }
}
FEE = {"payments": {"keep": {"percent": 10}}}
GOODWILL = {"goodwill": {"credits": 2, "per": "client"}}


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        public_url="https://book.example/",
        secrets_key=SECRETS_KEY,
        lease_seconds=30,
    )


async def shown(studio, session_ids="all", *, client_id=None, language=None, **members):
    body = studio.body(session_ids, **{"messages": TOLD, **members})
    answer = await studio.http.post(
        PATH, json=body | {"client_id": client_id, "language": language}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def every_message(studio, **members):
    """The message of each client whom the plan would tell, by their id."""
    found, client_id = {}, None
    while True:
        answer = await shown(studio, client_id=client_id, **members)
        message, client_id = answer["message"], answer["next_client_id"]
        found[message["client_id"]] = message
        if client_id is None:
            return found


async def sent_at_acceptance(told, **members):
    """The words of each client's first message of a job whose refunds have just been written."""
    await told.cancel(**{"messages": AT_ONCE, **members})
    async with told.db.write() as conn:
        job = await jobs.lock_any(conn, told.job_id)
        await expand_chunk(conn, job, at_most=1000)
    settings = told.studio.runtime.settings
    async with told.db.write() as conn:
        batch = await claims.claim(conn, "studio", most=50, lease_seconds=60.0)
    return {
        one.addressee: mails.composed_for(
            office_of(settings),
            batch,
            one,
            mails.correspondents(office_of(settings), "studio", batch, one),
            one.client_facts,
        )
        for one in batch.claimed
    }


def without_times(text):
    """Its words: the deadline is reckoned from the press, and a link names its job."""
    return re.sub(r"/(?:choose|yours)/\S+|\d{1,2}[:.h]\d{2}", "…", text)


@pytest.fixture
async def many_kinds(told, studio):
    """As `told`, with who may not be reached, who pays in two ways, and who comes twice."""
    await studio.load(
        studio.record("client", "quy", wants_no_mail=True),
        studio.record("client", "ren") | {"email": None},
        studio.record("client", "uma"),
        studio.record("client", "vic"),
        studio.record("booking", "twice", "spin", ("CAD", 1234), client_id="lee"),
        studio.record("booking", "late", "yoga", ("CAD", 800), status="late_cancelled"),
        studio.record("booking", "q", "spin", ("CAD", 333), client_id="quy"),
        studio.record("booking", "r", "spin", ("credits", 1), client_id="ren"),
        studio.record("booking", "u", "yoga", ("CAD", 550), client_id="uma"),
        studio.record("booking", "v", "yoga", ("CAD", 770), client_id="vic"),
    )
    async with studio.db.write() as conn:
        await conn.execute(
            sa.insert(suppressed_addresses),
            [
                {"business_id": "studio", "address": "uma@example.org", "because": "bounced"},
                {"business_id": "studio", "address": "vic@example.org", "because": "complained"},
            ],
        )
    return told


WAYS = {
    "plain": {},
    "fee": {"terms": FEE},
    "choice": {"terms": CHOICE},
    "goodwill": {"terms": GOODWILL},
    "override": {
        "terms": FEE,
        "overrides": [{"booking_id": "card", "action": "skip", "note": "paid twice"}],
    },
    "as store credit": {"terms": {"payments": {"return_as": "store_credit"}}},
    "hold": {"terms": CHOICE, "hold_seconds": 3600},
    "attended": {"include_attended": True},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_preview_of_a_plan_is_what_is_sent_when_it_is_accepted(many_kinds, studio, way):
    members = WAYS[way] | {"reason": "Water damage"}
    said = AT_ONCE | {"text": "We are sorry.", "subject": None}
    before = await every_message(studio, messages=said, **members)
    after = await sent_at_acceptance(many_kinds, messages=said, **members)
    assert sorted(before) == sorted(after)
    assert {"kim", "lee", "mia", "noa"} <= set(before)
    for client_id, composed in after.items():
        message = before[client_id]
        assert (message["language"], message["subject"]) == (composed.language, composed.subject)
        assert without_times(message["text"]) == without_times(composed.text)
        assert without_times(message["html"]) == without_times(composed.html)


async def test_nothing_is_called_returned_and_nothing_is_written(many_kinds, studio):
    before = await studio.everything()
    answer = await shown(studio, client_id="kim", language="en", terms=CHOICE)
    assert await studio.everything() == before
    text = answer["message"]["text"]
    assert "is under way, but not confirmed yet" in text
    assert "$20.00" in text
    assert "refunded" not in text
    assert "You can choose" in text
    assert "https://book.example/choose/" in text
    link = re.search(r"/choose/(\S+)", text)[1]
    assert (await studio.http.get(f"/v1/choices/{link}")).status_code == 404


async def test_addressees_are_counted_as_their_messages_come_out(many_kinds, studio):
    answer = await shown(studio)
    assert answer["addressees"] == {
        "email": 4,
        "no_address": 1,
        "opted_out": 1,
        "unreachable": 1,
        "complained": 1,
        "deleted": 0,
    }
    whys = {id_: one["because"] for id_, one in (await every_message(studio)).items()}
    assert whys == {
        "kim": None,
        "lee": None,
        "mia": None,
        "noa": None,
        "quy": "opted_out",
        "ren": "no_address",
        "uma": "unreachable",
        "vic": "complained",
    }
    await many_kinds.cancel(messages=TOLD)
    await many_kinds.work()
    claimed = await many_kinds.claim()
    assert {id_: one.contact.suppressed for id_, one in claimed.items()} == whys


async def test_who_stopped_their_mail_by_the_link_is_counted_as_not_told(many_kinds, studio):
    box = studio.runtime.settings.secret_box()
    token = unsubscribe.token_of(box, unsubscribe.WhoseMail("studio", "kim"))
    path = f"/v1/mail-preferences/{token}"
    assert (await studio.http.put(path, json={"wants_mail": False})).status_code == 200
    answer = await shown(studio, client_id="kim")
    assert (answer["addressees"]["email"], answer["addressees"]["opted_out"]) == (3, 2)
    assert answer["message"]["because"] == "opted_out"


async def test_only_the_chosen_sessions_are_spoken_of(many_kinds, studio):
    answer = await shown(studio, ["spin"], client_id="kim", language="en")
    assert answer["addressees"]["email"] == 2
    assert "Spin" in answer["message"]["text"]
    assert "Yoga" not in answer["message"]["text"]
    nobody = await studio.http.post(
        PATH, json=studio.body(["spin"], messages=TOLD) | {"client_id": "mia"}
    )
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/client_id")


async def test_a_business_s_own_settings_words_and_language_are_in_it(many_kinds, studio):
    own = TOLD | {"text": "The heating has failed.", "language": "de", "reply_to": "a@b.example"}
    assert (await studio.http.put("/v1/message-settings", json=own)).status_code == 200
    words = {"subject": "Schade, {{ client_name }}", "body": "Hallo!\n\n{{ details }}"}
    assert (await studio.http.put("/v1/message-templates/de", json=words)).status_code == 200
    answer = await shown(studio, client_id="lee", messages=None)
    message = answer["message"]
    assert (message["language"], message["subject"]) == ("de", "Schade, Lee")
    assert message["text"].startswith("Hallo!")
    assert "The heating has failed." in message["text"]
    other = await shown(studio, client_id="lee", messages={"text": "Snow."}, language="es")
    assert other["message"]["language"] == "es"
    assert "Snow." in other["message"]["text"]


async def test_who_is_shown_a_message_can_not_stop_its_client_s_mail(told, studio):
    own = TOLD | {"unsubscribe": True}
    assert (await studio.http.put("/v1/message-settings", json=own)).status_code == 200
    token = unsubscribe.token_of(
        studio.runtime.settings.secret_box(), unsubscribe.WhoseMail("studio", "kim")
    )
    of_plan = await studio.http.post(PATH, json=studio.body(["yoga"], client_id="kim"))
    await told.cancel("spin")
    await told.work()
    path = f"/bulk-cancellations/{told.job_id}/messages/preview"
    of_job = await studio.post(path, client_id="kim")
    assert (of_plan.status_code, of_job.status_code) == (200, 200), of_job.text
    for message in (of_plan.json()["message"], of_job.json()):
        assert f"/unsubscribe/{unsubscribe.NOBODYS}" in message["text"]
        assert token not in str(message)
    for anybody in (unsubscribe.NOBODYS, token):
        answer = await studio.http.get(f"/v1/mail-preferences/{anybody}")
        assert (answer.status_code == 200) is (anybody == token)


async def test_whom_nobody_tells_gets_no_message(many_kinds, studio):
    nothing = dict.fromkeys(("email", *SuppressedBecause), 0)
    for members in ({"messages": {"clients": "none"}}, {"messages": None}):
        answer = await shown(studio, **members)
        assert answer == {"addressees": nothing, "message": None, "next_client_id": None}
    await studio.session("empty")
    answer = await shown(studio, ["empty"])
    assert (answer["message"], answer["addressees"]) == (None, nothing)


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"client_id": "kim\n"}, "/client_id"),
        ({"client_id": "nobody"}, "/client_id"),
        ({"language": "tlh"}, "/language"),
        ({"colour": "red"}, "/colour"),
        ({"session_ids": ["nope"]}, "/session_ids/0"),
        ({"messages": {"text": "x" * 4001}}, "/messages/text"),
        (
            {"overrides": [{"booking_id": "nope", "action": "skip", "note": "x"}]},
            "/overrides/0/booking_id",
        ),
    ],
)
async def test_what_is_wrong_is_named(many_kinds, studio, members, pointer):
    answer = await studio.http.post(PATH, json=studio.body(messages=TOLD) | members)
    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_names_and_sums_of_a_client_are_for_who_may_audit(many_kinds, studio, stranger):
    reader = await create_key(studio.db, "studio", "reader", [Scope.CANCELLATIONS_READ])
    async with caller(studio.app, reader) as http:
        answer = await http.post(PATH, json=studio.body(messages=TOLD))
    assert (answer.status_code, answer.json()["scope"]) == (403, "audit:read")
    theirs = await stranger.http.post(
        PATH, json=stranger.body(messages=TOLD) | {"client_id": "kim"}
    )
    assert (theirs.status_code, theirs.json()["errors"][0]["pointer"]) == (422, "/client_id")
