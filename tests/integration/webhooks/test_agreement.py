"""Many endpoints at one host need its word; what the host was asked is in its own books."""

import asyncio

import pytest
from worlds.office import post, rows
from worlds.peers import hang
from worlds.problems import problem
from worlds.receivers import hook_at

from app.webhooks.manage.agreement import MAX_AT_HOST

AGREES = (200, {"WebHook-Allowed-Origin": "*"}, b"")
# What is no agreement. Each is this machine's, so that all are at one host.
REFUSALS = {
    "says nothing of it": 204,
    "allows another": (200, {"WebHook-Allowed-Origin": "elsewhere.example"}, b""),
    "does not take it": (405, {"WebHook-Allowed-Origin": "*"}, b""),
    "says where else": (302, {"Location": "/", "WebHook-Allowed-Origin": "*"}, b""),
    "fails": (500, {}, b"WebHook-Allowed-Origin: *"),
}


async def full(office, receiving):
    """The business has as many endpoints at this machine as need nobody's word."""
    receiver = await receiving(AGREES)
    for _ in range(MAX_AT_HOST):
        await office.endpoint(receiver.url)
    assert receiver.heard == []
    return receiver


async def test_a_host_is_asked_from_the_sixth_endpoint_on_and_may_agree(office, receiving):
    receiver = await full(office, receiving)
    for asked in (1, 2):
        await office.endpoint(receiver.url)
        assert [one.headers["webhook-request-origin"] for one in receiver.heard] == (
            ["bulk-cancel"] * asked
        )
    assert len(await office.pages("/webhook-endpoints")) == MAX_AT_HOST + 2


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
async def test_no_other_answer_is_an_agreement(office, receiving, answer):
    await full(office, receiving)
    reluctant, before = await receiving(answer), await rows(office)
    refused = await post(office, "", url=reluctant.url)
    problem(refused, 409, "host-has-not-agreed")
    assert len(reluctant.heard) == 1
    assert await rows(office) == before


async def test_whoever_does_not_answer_has_not_agreed(office, receiving, peer_on):
    await full(office, receiving)
    silent, before = await peer_on(hang), await rows(office)
    office.settings.webhook_timeout_seconds = 1
    problem(await post(office, "", url=hook_at(silent)), 409, "host-has-not-agreed")
    assert await rows(office) == before


async def test_an_origin_is_that_of_the_public_url(office, receiving):
    await full(office, receiving)
    office.settings.public_url = "https://book.example/at"
    reply = (200, {"WebHook-Allowed-Origin": "book.example"}, b"")
    receiver = await receiving(reply)
    await office.endpoint(receiver.url)
    assert receiver.heard[0].headers["webhook-request-origin"] == "book.example"


async def test_an_endpoint_that_moves_to_a_host_is_one_more_there(office, receiving):
    receiver = await full(office, receiving)
    elsewhere = await office.endpoint("https://elsewhere.example/hook")
    reluctant = await receiving(204)
    path = f"/v1/webhook-endpoints/{elsewhere['id']}"
    moved = await office.http.patch(path, json={"url": reluctant.url, "description": "moved"})
    problem(moved, 409, "host-has-not-agreed")
    assert (await office.shown(elsewhere))["description"] is None
    await office.change(elsewhere, url=receiver.url)
    assert len(receiver.heard) == 1
    # Within its host it is none more.
    [first, *_] = await office.pages("/webhook-endpoints")
    await office.change(first, url=reluctant.url)
    assert len(reluctant.heard) == 1


async def test_however_many_come_at_once_a_host_that_does_not_agree_has_five(office, receiving):
    reluctant = await receiving(204)
    answers = await asyncio.gather(
        *(post(office, "", url=reluctant.url) for _ in range(2 * MAX_AT_HOST))
    )
    assert sorted(one.status_code for one in answers) == [201] * MAX_AT_HOST + [409] * MAX_AT_HOST
    assert len(await office.pages("/webhook-endpoints")) == MAX_AT_HOST


async def test_another_businesss_endpoints_at_a_host_are_not_counted(office, theirs, receiving):
    await full(office, receiving)
    reluctant = await receiving(204)
    for _ in range(MAX_AT_HOST - 1):  # they have one at this machine
        await theirs.endpoint(reluctant.url)
    assert reluctant.heard == []
    problem(await post(theirs, "", url=reluctant.url), 409, "host-has-not-agreed")
