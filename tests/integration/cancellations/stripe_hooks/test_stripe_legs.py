"""Stripe's word that a refund failed, where terms name what follows: value, once."""

import pytest
from integration.cancellations.stripe_hooks.events import hook, payment_of, run

from app.refunds.verify import verify

LADDER = {"payments": {"fallback": ["store_credit", "person"]}}


@pytest.fixture
async def accepted(studio):
    """A job with one payment by Stripe, whose refusal value follows."""
    await studio.session("yoga")
    booking = studio.record("booking", "b", "yoga", ("CAD", 2000))
    booking["payments"][0]["payment_id"] = "pi_1"
    await studio.load(booking)
    return await studio.accepted(terms=LADDER)


async def value_given(studio):
    books = (await studio.upstream.get("/books")).json()["credits"]["store_credits"]
    assert books["twice"] == {}
    return [(one["reference"], one["amount"]) for one in books["effects"]]


async def is_value_once(studio, job, peer):
    first, second = sorted(await studio.refunds(job["id"]), key=lambda one: one["leg"])
    assert (first["status"], first["failure_code"]) == ("replaced", "lost_or_stolen_card")
    assert (second["returned_as"], second["status"]) == ("store_credit", "succeeded")
    assert (await studio.job(job["id"]))["status"] == "completed"
    assert await value_given(studio) == [(second["id"], 2000)]
    assert len(peer.refunds) == 1
    assert await verify(studio.db) == []


@pytest.mark.parametrize("before", ["pending", "succeeded"])
async def test_a_refund_that_fails_later_comes_back_as_value_once(studio, pending, peer, before):
    if before == "succeeded":
        peer.end("succeeded")
        await hook(studio, peer.refunds[0])
        await studio.work(pending["id"])
        assert (await payment_of(studio, pending))["status"] == "succeeded"
    peer.end("failed", failure_reason="lost_or_stolen_card")
    for _ in range(3):
        await hook(studio, peer.refunds[0], type_="refund.failed")
        await studio.work(pending["id"])
        await is_value_once(studio, pending, peer)


async def test_a_word_of_failure_that_the_look_up_denies_starts_nothing(studio, pending, peer):
    peer.end("succeeded")
    said = peer.refunds[0] | {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    await hook(studio, said, type_="refund.failed")
    assert await run(studio, pending) is None
    [only] = await studio.refunds(pending["id"])
    assert only["status"] == "succeeded"
    assert await value_given(studio) == []
