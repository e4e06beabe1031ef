"""A studio whose payments are Stripe's, with one accepted, under way or returned."""

import pytest
from integration.cancellations.stripe_hooks.events import NEW, OLD, STANDARD, hook, payment_of, run
from worlds.stripe import Stripe, paid_by_stripe

from app.config.settings import Settings


@pytest.fixture
def settings(database_url):
    """With two secrets in force, as while one is being changed."""
    return Settings(
        database_url=database_url,
        payments_provider="stripe",
        payments_token="sk_test_1",
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
        stripe_hooks_secret=f"{OLD} {NEW}",
        hooks_secret=STANDARD,
    )


@pytest.fixture
def peer():
    return Stripe()


@pytest.fixture
async def studio(studio, settings, peer):
    """The studio, whose payments are Stripe's and whose credits are the sandbox's."""
    async with paid_by_stripe(studio, settings, peer):
        yield studio


@pytest.fixture
async def accepted(studio):
    """A job with one payment by Stripe and one credit."""
    await studio.session("yoga")
    booking = studio.record("booking", "split", "yoga", ("CAD", 2000), ("credits", 2))
    booking["payments"][0]["payment_id"] = "pi_1"
    await studio.load(booking)
    return await studio.accepted()


@pytest.fixture
async def pending(studio, accepted):
    """The job, with its payment pending at Stripe, to be looked up some seconds from now."""
    assert await run(studio, accepted) is not None
    assert (await payment_of(studio, accepted))["status"] == "processing"
    return accepted


# A success that Stripe takes back.


@pytest.fixture
async def refunded(studio, pending, peer):
    """The job, whose payment has been refunded, as far as anybody knows."""
    peer.end("succeeded")
    await hook(studio, peer.refunds[0])
    assert await run(studio, pending) is None
    assert (await studio.job(pending["id"]))["status"] == "completed"
    peer.look_ups = 0
    studio.queue.woken.clear()
    return pending
