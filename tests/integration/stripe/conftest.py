"""Stripe's gateway and its peer: what the gateway makes of answers, and of lists."""

import pytest
from integration.stripe.answers import ORDER, Peer, stripe_at


@pytest.fixture
async def stripe(upstream_running):
    """A peer and the gateway to it."""
    peer = Peer()
    async with upstream_running(peer.app()) as server, stripe_at(server.url) as gateway:
        yield peer, gateway


@pytest.fixture
def said(stripe):
    """What the gateway makes of an answer to a POST."""
    peer, gateway = stripe

    async def ask(status, document, order=ORDER, **headers):
        peer.answer = (
            status,
            document,
            {name.replace("_", "-"): value for name, value in headers.items()},
        )
        return await gateway.refund(order)

    return ask


@pytest.fixture
def found(stripe):
    """What the gateway finds among these refunds, newest first."""
    peer, gateway = stripe

    async def look(*refunds, order=ORDER):
        peer.refunds, peer.queries = list(refunds), []
        return await gateway.look_up(order)

    return look
