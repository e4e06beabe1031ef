"""Who may send a hook of Stripe's: Stripe's own library is the witness of what signs one."""

import hmac
import time

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from integration.cancellations.stripe_hooks.events import (
    NEW,
    OLD,
    STANDARD,
    WRONG,
    evt,
    post,
    run,
    signed,
)
from pydantic import ValidationError
from stripe import SignatureVerificationError, Webhook, WebhookSignature

from app.config.settings import Settings
from app.db import tables
from app.errors import Problem
from app.gateways.stripe.inbound import verify
from app.main import create_app

# Who may send one.

NOW = time.time()


def _header(change):
    return lambda body: {"stripe-signature": change(signed(body)["stripe-signature"])}


def _by_hand(form, *, scheme="sha256"):
    """A header of this form, `{t}` and `{v1}` being a time and the signature that goes with it."""

    def headers(body):
        at = str(int(time.time()))
        signature = hmac.new(NEW.encode(), f"{at}.{body}".encode(), scheme).hexdigest()
        return {"stripe-signature": form.format(t=at, v1=signature)}

    return headers


# What Stripe's library refuses, and after that what only we do.
REFUSED = {
    "no header": lambda body: {},
    "an empty header": _header(lambda value: ""),
    "another's secret": lambda body: signed(body, secret=WRONG),
    "another body": lambda body: signed(body + " "),
    "the secret without its prefix": lambda body: signed(body, secret=NEW.removeprefix("whsec_")),
    "no time": _by_hand("v1={v1}"),
    "an empty time": _by_hand("t=,v1={v1}"),
    "a time that is none": _by_hand("t=soon,v1={v1}"),
    "a time that is no number": _by_hand("t=nan,v1={v1}"),
    "another time": _by_hand("t=1{t},v1={v1}"),
    "no signature": _by_hand("t={t}"),
    "an empty signature": _by_hand("t={t},v1="),
    "the test scheme alone": _by_hand("t={t},v0={v1}"),
    "an unknown scheme alone": _by_hand("t={t},v2={v1}"),
    "another hash": _by_hand("t={t},v1={v1}", scheme="sha512"),
    "upper case": _header(lambda value: value.replace("v1=", "V1=")),
    "cut short": _header(lambda value: value[:-1]),
    "no ASCII": _by_hand("t={t},v1=é"),
    "other separators": _header(lambda value: value.replace(",", ";")),
    "a space before": _by_hand("t={t}, v1={v1}"),
    "too old": lambda body: signed(body, late_seconds=310),
    "an hour old": lambda body: signed(body, late_seconds=3600),
}
ONLY_BY_US = {
    "too new": lambda body: signed(body, late_seconds=-310),
    "a part that is none": _by_hand("t={t},v1={v1},odd"),
    "two times": _by_hand("t={t},t=1,v1={v1}"),
    "a sign before the time": _by_hand("t=+{t},v1={v1}"),
}


async def test_what_stripe_did_not_sign_now_is_refused_in_the_same_words_as_its_library_refuses_it(
    studio, pending, peer
):
    body = evt(peer.refunds[0])
    before = await studio.everything()
    words = set()
    for fault, spoil in (REFUSED | ONLY_BY_US).items():
        headers = spoil(body)
        if fault in REFUSED:
            # A TypeError is for what is no ASCII.
            with pytest.raises((SignatureVerificationError, TypeError)):
                Webhook.construct_event(body, headers.get("stripe-signature"), NEW)
        sent = {name: value.encode() for name, value in headers.items()} | {
            "content-type": b"application/json"
        }
        answer = await post(studio, body, sent)
        assert (answer.status_code, answer.headers["content-type"]) == (
            401,
            "application/problem+json",
        ), fault
        assert answer.json()["type"] == "/problems/hook-signature-invalid", fault
        assert answer.headers["www-authenticate"].startswith("Stripe-Signature"), fault
        words.add(answer.content)
    assert len(words) == 1
    assert await studio.everything() == before


ACCEPTED = {
    "as the library signs": signed,
    "with the secret that is being replaced": lambda body: signed(body, secret=OLD),
    "almost too old": lambda body: signed(body, late_seconds=290),
    "a clock ahead of ours": lambda body: signed(body, late_seconds=-290),
    "with an unknown scheme beside it": _by_hand("t={t},v0=6ffbb59b2300,v1={v1},v9=x"),
    "in another order": _by_hand("v1={v1},t={t}"),
    "with the signature of another secret first": _by_hand(f"t={{t}},v1={'0' * 64},v1={{v1}}"),
}


@pytest.mark.parametrize("form", ACCEPTED)
async def test_what_stripes_library_accepts_is_accepted(studio, pending, peer, form):
    body = evt(peer.refunds[0] | {"description": "für Ζωή 🧘"})
    headers = ACCEPTED[form](body)
    secret = OLD if "replaced" in form else NEW
    assert (
        Webhook.construct_event(body, headers["stripe-signature"], secret).type == "refund.updated"
    )
    answer = await post(studio, body, {"content-type": "application/json"} | headers)
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    await run(studio, pending)
    assert peer.look_ups == 1


PARTS = st.sampled_from(
    [
        "t={t}",
        "t={t}",
        "v1={v1}",
        "v1={v1}",
        "v1=",
        "v0={v1}",
        "t=7",
        "t=",
        "t=0{t}",
        "=",
        "",
        "v1",
        "t",
    ]
)
ASCII = st.text(st.characters(codec="ascii"), max_size=4)


@given(
    parts=st.lists(PARTS | ASCII, max_size=5), late_seconds=st.sampled_from([0, 0, 290, 310, -290])
)
def test_no_header_is_accepted_that_stripes_library_refuses_and_none_refused_without_a_reason(
    parts, late_seconds
):
    body, now = "{}", time.time()
    at = str(int(now) - late_seconds)
    signature = hmac.new(NEW.encode(), f"{at}.{body}".encode(), "sha256").hexdigest()
    header = ",".join(part.replace("{t}", at).replace("{v1}", signature) for part in parts)
    ours, theirs = True, True
    try:
        verify([OLD, NEW], header, body.encode(), now=now)
    except Problem:
        ours = False
    try:
        WebhookSignature.verify_header(body, header, NEW, Webhook.DEFAULT_TOLERANCE)
    except SignatureVerificationError:
        theirs = False
    event(f"ours {ours}, theirs {theirs}")
    whole = header.split(",")
    plain = all("=" in part for part in whole) and [
        part for part in whole if part.startswith("t=")
    ] == [f"t={at}"]
    assert ours == theirs if plain else not ours


async def test_a_body_that_is_no_text_is_refused_though_it_is_signed(studio):
    at = int(time.time())
    signature = hmac.new(NEW.encode(), f"{at}.".encode() + b"\xff\xfe", "sha256").hexdigest()
    answer = await post(studio, b"\xff\xfe", {"stripe-signature": f"t={at},v1={signature}"} | JSON)
    assert answer.json()["type"] == "/problems/malformed-body"


JSON = {"content-type": "application/json"}


async def test_a_body_over_the_limit_is_refused_unread(studio):
    body = " " * (studio.app.state.service.settings.body_limit_bytes + 1)
    assert (await post(studio, body, signed(body))).status_code == 413


async def test_without_its_secret_there_are_no_hooks_of_stripes_whatever_others_there_are(
    studio, settings
):
    bare = settings.model_copy(update={"stripe_hooks_secret": None})
    studio.http._transport.app = create_app(bare, database=studio.db, queue=studio.queue)
    body = evt({})
    for headers in (signed(body), signed(body, secret=STANDARD), JSON):
        answer = await post(studio, body, headers)
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "/problems/hooks-not-configured",
        )
        assert "STRIPE_HOOKS_SECRET" in answer.json()["detail"]
    assert await studio.rows(tables.hook_events) == []


async def test_the_secret_of_the_other_hooks_signs_none_of_stripes(studio):
    body = evt({})
    assert (await post(studio, body, signed(body, secret=STANDARD))).status_code == 401


@pytest.mark.parametrize(
    "secret", [OLD, f"{OLD} {NEW}", f"  {OLD}  ", f"whsec_{'a' * 64}", "whsec_" + "Ab+/=_-9" * 4]
)
def test_a_secret_as_stripe_gives_it_is_taken(secret):
    assert Settings(stripe_hooks_secret=secret).stripe_hooks_secret.get_secret_value() == secret


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_short",
        OLD[6:],
        f"{OLD} x",
        f"{OLD},{NEW}",
        f"sk_test_{OLD}",
        f"whsec_{'a' * 256}",
    ],
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_repeated(secret):
    with pytest.raises(ValidationError, match="whsec_ and then 24 to 255 characters") as refused:
        Settings(stripe_hooks_secret=secret)
    assert "input_value" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", " "])
def test_a_blank_secret_stops_the_start(secret):
    with pytest.raises(ValidationError, match="must not be blank"):
        Settings(stripe_hooks_secret=secret)
