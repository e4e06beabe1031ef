"""Receivers built on packages that we did not write take what we send and no more.

The packages are `standardwebhooks` and `svix`.
"""

import base64
import datetime as dt
import json
import os
import subprocess
import sys

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from app.db.webhooks.events import Event
from app.domain.events import EventType
from app.webhooks.signing import new_secret, signed

LIBRARIES = {"standardwebhooks": Webhook, "svix": SvixWebhook}
PAYLOAD = json.dumps(
    {"type": "session.cancelled", "data": {"name": "Größe 7 ✓"}}, ensure_ascii=False
)
SIGN_HERE = (
    "import datetime as dt, json, sys, time;"
    "from app.webhooks.signing import signed;"
    "at = dt.datetime.now(dt.UTC) if sys.argv[3] == 'utc' else dt.datetime.now().astimezone();"
    "headers = signed('id', sys.argv[2], [sys.argv[1]], at=at);"
    "print(json.dumps({'offset': time.localtime().tm_gmtoff, 'headers': headers}))"
)


def accepts(secret, body, headers):
    """What both packages say, which is the same."""
    said = set()
    for library in LIBRARIES.values():
        try:
            library(secret).verify(body, dict(headers))
            said.add(True)
        except (WebhookVerificationError, ValueError):
            said.add(False)
    assert len(said) == 1
    return said.pop()


def taking(*secrets):
    """A receiver's reply: 204 for what one of its secrets has signed, as either package has it."""

    def reply(heard):
        return 204 if any(accepts(secret, heard.body, heard.headers) for secret in secrets) else 400

    return reply


@pytest.fixture
async def endpoint(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    endpoint["receiver"] = receiver
    return endpoint


async def sent(office, endpoint):
    """What the endpoint hears next."""
    await office.test(endpoint)
    await office.deliver()
    return endpoint["receiver"].heard[-1]


def signatures(heard):
    return heard.headers["webhook-signature"].split(" ")


# What we send is taken.


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
async def test_a_receiver_takes_what_is_sent(office, endpoint, library):
    heard = await sent(office, endpoint)
    library(endpoint["secret"]).verify(heard.body, heard.headers)
    body = json.loads(heard.body)
    assert set(body) == {"type", "timestamp", "data"}
    assert (body["type"], body["data"]["endpoint_id"]) == ("webhook_endpoint.test", endpoint["id"])
    assert heard.headers["content-type"] == "application/json"


async def test_events_of_every_type_are_delivered_to_a_receiver_that_verifies(office, endpoint):
    endpoint["receiver"].reply = taking(endpoint["secret"])
    await office.tell(
        [Event(kind, {"name": "Größe 7 ✓"}) for kind in EventType if kind is not EventType.TEST]
    )
    await office.deliver()
    found = await office.deliveries(endpoint)
    assert {one["type"] for one in found.values()} == set(EventType) - {EventType.TEST}
    assert {one["status"] for one in found.values()} == {"delivered"}


async def test_a_message_that_is_tried_again_later_is_signed_anew(office, endpoint):
    secret, receiver = endpoint["secret"], endpoint["receiver"]
    replies = iter([500, 500, 204])

    def reply(heard):
        assert accepts(secret, heard.body, heard.headers)
        return next(replies)

    receiver.reply = reply
    event_id = await office.test(endpoint)
    for _ in range(3):
        await office.deliver()
        await office.make_due()
    assert receiver.ids() == [event_id] * 3
    times = [int(one.headers["webhook-timestamp"]) for one in receiver.heard]
    assert all(abs(time - dt.datetime.now(dt.UTC).timestamp()) < 30 for time in times)
    assert (await office.delivery(endpoint, event_id))["status"] == "delivered"


# The secret is changed.


async def rotate(office, endpoint, **body):
    return await office.call("POST", f"/{endpoint['id']}/rotate-secret", body)


async def test_while_a_secret_is_changed_the_old_one_and_the_new_one_verify_and_then_only_the_new(
    office, endpoint
):
    old = endpoint["secret"]
    new = (await rotate(office, endpoint, overlap_seconds=3600))["secret"]
    heard = await sent(office, endpoint)
    assert len(signatures(heard)) == 2
    assert accepts(old, heard.body, heard.headers)
    assert accepts(new, heard.body, heard.headers)
    # The hour goes by.
    before, _ = await office.secrets(endpoint)
    await office.set_secret(before["id"], ends_at=before["ends_at"] - dt.timedelta(seconds=3601))
    heard = await sent(office, endpoint)
    assert len(signatures(heard)) == 1
    assert not accepts(old, heard.body, heard.headers)
    assert accepts(new, heard.body, heard.headers)


async def test_each_secret_lives_to_its_own_end_however_often_it_is_changed(office, endpoint):
    secrets = [endpoint["secret"]]
    for overlap in (3600, 60, 86_400, 60):
        shown = await rotate(office, endpoint, overlap_seconds=overlap)
        secrets.append(shown["secret"])
    left = dt.datetime.fromisoformat(shown["previous_secret_until"]) - dt.datetime.now(dt.UTC)
    assert 86_300 < left.total_seconds() <= 86_400
    assert (await office.shown(endpoint))["previous_secret_until"] == shown["previous_secret_until"]
    heard = await sent(office, endpoint)
    assert len(signatures(heard)) == 5
    assert all(accepts(secret, heard.body, heard.headers) for secret in secrets)
    # Two minutes go by.
    for row in await office.secrets(endpoint):
        if row["ends_at"] is not None:
            await office.set_secret(row["id"], ends_at=row["ends_at"] - dt.timedelta(seconds=120))
    heard = await sent(office, endpoint)
    in_force = [accepts(secret, heard.body, heard.headers) for secret in secrets]
    assert in_force == [True, False, True, False, True]
    # What has ended is kept no longer than to the next change.
    await rotate(office, endpoint, overlap_seconds=60)
    assert len(await office.secrets(endpoint)) == 4


async def test_there_is_a_bound_to_secrets_in_force_and_a_refused_change_ends_none(
    office, endpoint
):
    for _ in range(9):
        await rotate(office, endpoint, overlap_seconds=3600)
    before = await office.secrets(endpoint)
    refused = await office.call(
        "POST", f"/{endpoint['id']}/rotate-secret", {"overlap_seconds": 60}, code=409
    )
    assert refused["type"] == "/problems/too-many-secrets"
    assert await office.secrets(endpoint) == before
    assert len(signatures(await sent(office, endpoint))) == 10
    shown = await rotate(office, endpoint, overlap_seconds=0)
    assert shown["previous_secret_until"] is None
    heard = await sent(office, endpoint)
    assert len(signatures(heard)) == 1
    assert accepts(shown["secret"], heard.body, heard.headers)


async def test_an_overlap_of_nothing_ends_the_old_secret_at_once(office, endpoint):
    old = endpoint["secret"]
    shown = await rotate(office, endpoint, overlap_seconds=0)
    assert shown["previous_secret_until"] is None
    heard = await sent(office, endpoint)
    assert not accepts(old, heard.body, heard.headers)
    assert accepts(shown["secret"], heard.body, heard.headers)


async def test_what_is_on_its_way_when_the_secret_is_changed_is_signed_with_both(office, endpoint):
    old, receiver = endpoint["secret"], endpoint["receiver"]
    receiver.reply = 500
    await sent(office, endpoint)
    new = (await rotate(office, endpoint))["secret"]
    receiver.reply = taking(old)
    await office.make_due()
    await office.deliver()
    [delivery] = (await office.deliveries(endpoint)).values()
    assert delivery["status"] == "delivered"
    assert accepts(new, receiver.heard[-1].body, receiver.heard[-1].headers)


async def test_secrets_differ_and_hold_32_bytes(office, endpoint):
    secrets = {new_secret() for _ in range(50)} | {
        endpoint["secret"],
        (await rotate(office, endpoint))["secret"],
    }
    assert len(secrets) == 52
    assert {secret[:6] for secret in secrets} == {"whsec_"}
    assert {len(base64.b64decode(secret[6:], validate=True)) for secret in secrets} == {32}


# In whatever zone the process or the instant is.


@pytest.mark.parametrize(
    ("zone", "hours"), [("Pacific/Kiritimati", 14), ("America/St_Johns", -3.5)]
)
@pytest.mark.parametrize("instant", ["utc", "local"])
def test_a_process_in_another_zone_signs_what_receivers_take(zone, hours, instant):
    secret = new_secret()
    answer = subprocess.run(
        [sys.executable, "-c", SIGN_HERE, secret, PAYLOAD, instant],
        env=os.environ | {"TZ": zone, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    told = json.loads(answer.stdout)
    assert told["offset"] in {hours * 3600, (hours + 1) * 3600}
    assert accepts(secret, PAYLOAD.encode(), told["headers"])


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 14])
def test_an_instant_of_any_zone_is_signed_as_the_moment_that_it_is(hours):
    secret = new_secret()
    at = dt.datetime.now(dt.timezone(dt.timedelta(hours=hours)))
    headers = signed("id", PAYLOAD, [secret], at=at)
    assert headers == signed("id", PAYLOAD, [secret], at=at.astimezone(dt.UTC))
    assert accepts(secret, PAYLOAD, headers)


# What we did not send is not taken.


async def test_what_was_changed_on_its_way_is_refused(office, endpoint):
    heard = await sent(office, endpoint)
    secret, headers, body = endpoint["secret"], heard.headers, heard.body
    other = await sent(office, endpoint)
    assert accepts(secret, body, headers)
    forged = {
        "a changed body": (body.replace(b"test", b"tost"), {}),
        "a body with a space more": (body + b" ", {}),
        "another message's id": (body, {"webhook-id": other.event_id}),
        "another time": (body, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
        "another message's signature": (
            body,
            {"webhook-signature": other.headers["webhook-signature"]},
        ),
        "no signature": (body, {"webhook-signature": ""}),
        "an unknown scheme": (
            body,
            {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
        ),
    }
    taken = [
        what for what, (text, changed) in forged.items() if accepts(secret, text, headers | changed)
    ]
    assert taken == []
    assert not accepts(new_secret(), body, headers)


@pytest.mark.parametrize(
    ("seconds", "taken"), [(0, True), (290, True), (301, False), (86_400, False), (-301, False)]
)
def test_a_message_that_is_replayed_after_five_minutes_is_refused(seconds, taken):
    secret = new_secret()
    headers = signed(
        "id", PAYLOAD, [secret], at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    )
    assert accepts(secret, PAYLOAD, headers) is taken


async def test_a_receiver_with_a_wrong_secret_takes_it_once_it_has_the_right_one(office, endpoint):
    receiver = endpoint["receiver"]
    receiver.reply = taking(new_secret())
    event_id = await office.test(endpoint)
    await office.deliver()
    assert (await office.delivery(endpoint, event_id))["attempts"][0]["status_code"] == 400
    receiver.reply = taking(endpoint["secret"])
    await office.make_due()
    await office.deliver()
    assert (await office.delivery(endpoint, event_id))["status"] == "delivered"
