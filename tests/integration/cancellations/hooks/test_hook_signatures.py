"""Who may send a hook: one who signs it now, with a secret in force."""

import pytest
from integration.cancellations.hooks.sent import (
    NEW,
    OLD,
    WRONG,
    about,
    look_ups,
    post,
    refund_of,
    run,
    signed,
)
from pydantic import ValidationError

from app.config.settings import Settings
from app.db import tables
from app.main import create_app

# Who may send one.


def _without(name):
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def _signature(change):
    return lambda headers: headers | {"webhook-signature": change(headers["webhook-signature"])}


def _later(headers):
    return headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}


SPOILT = {
    "another's secret": lambda headers: signed(about("r"), secret=WRONG),
    "another body": lambda headers: signed(about("other")),
    "another id": lambda headers: headers | {"webhook-id": "msg_other"},
    "another time": _later,
    "a time that is none": lambda headers: headers | {"webhook-timestamp": "soon"},
    "a time that is no number": lambda headers: headers | {"webhook-timestamp": "nan"},
    "no id": _without("webhook-id"),
    "no time": _without("webhook-timestamp"),
    "no signature": _without("webhook-signature"),
    "no comma": _signature(lambda value: value.replace(",", "")),
    "too many commas": _signature(lambda value: value + ",x"),
    "no base64": _signature(lambda value: "v1,###=a"),
    "no ASCII": _signature(lambda value: "v1,é".encode("latin-1").decode("latin-1")),
    "an empty one": _signature(lambda value: "v1,"),
    "another version": _signature(lambda value: value.replace("v1,", "v2,")),
    "cut short": _signature(lambda value: value[:-8]),
    "an hour old": lambda headers: signed(about("r"), late_seconds=3600),
    "too old": lambda headers: signed(about("r"), late_seconds=310),
    "too new": lambda headers: signed(about("r"), late_seconds=-310),
}


async def test_what_is_not_signed_by_the_upstream_now_is_refused_in_the_same_words(studio, pending):
    await run(studio, pending)
    body = about("r")
    before = await studio.everything()
    words = set()
    for fault, spoil in SPOILT.items():
        answer = await post(
            studio,
            body,
            {name: value.encode("latin-1") for name, value in spoil(signed(body)).items()},
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            401,
            "application/problem+json",
        ), fault
        assert answer.json()["type"] == "/problems/hook-signature-invalid", fault
        words.add(answer.content)
    assert len(words) == 1
    assert await studio.everything() == before


async def test_a_body_that_is_no_text_is_refused(studio):
    body = about("r")
    answer = await post(studio, b"\xff\xfe", signed(body))
    assert answer.json()["type"] == "/problems/hook-signature-invalid"


async def test_a_hook_without_a_valid_signature_has_nothing_looked_up(studio, pending):
    await run(studio, pending)
    body = about((await refund_of(studio, pending))["id"])
    assert (await post(studio, body, signed(body, secret=WRONG))).status_code == 401
    await run(studio, pending)
    assert await look_ups(studio) == 0


@pytest.mark.parametrize("late_seconds", [290, -290])
async def test_clocks_may_differ_by_less_than_five_minutes(studio, late_seconds):
    body = about("r")
    assert (await post(studio, body, signed(body, late_seconds=late_seconds))).status_code == 204


async def test_while_the_secret_is_changed_one_good_signature_by_either_is_enough(
    studio,
):
    body = about("r")
    for secret in (OLD, NEW):
        assert (await post(studio, body, signed(body, secret=secret))).status_code == 204
    headers = signed(body)
    other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
    headers["webhook-signature"] = f"{other} v1a,x {headers['webhook-signature']}"
    assert (await post(studio, body, headers)).status_code == 204


async def test_a_body_over_the_limit_is_refused_unread(studio):
    body = " " * (studio.app.state.service.settings.body_limit_bytes + 1)
    assert (await post(studio, body, signed(body))).status_code == 413


async def test_without_a_secret_there_are_no_hooks(studio, settings):
    bare = settings.model_copy(update={"hooks_secret": None})
    studio.http._transport.app = create_app(bare, database=studio.db, queue=studio.queue)
    body = about("r")
    for service in ("payments", "credits"):
        answer = await post(studio, body, signed(body), service)
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "/problems/hooks-not-configured",
        )
    assert await studio.rows(tables.hook_events) == []


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_###",
        "whsec_c2hvcnQ=",
        OLD[6:],
        f"{OLD} x",
        f"{OLD},{NEW}",
        "whsec_é" + "a" * 40,
    ],
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_repeated(secret):
    with pytest.raises(
        ValidationError, match="whsec_ and then 24 to 64 bytes in base64"
    ) as refused:
        Settings(hooks_secret=secret)
    assert "input_value" not in str(refused.value)
