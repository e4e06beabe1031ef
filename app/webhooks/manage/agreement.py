"""Whether a host agrees to more endpoints of one business than anybody may have there.

So that nobody makes us a hammer on a host of somebody else's: each event is a request to each
endpoint, and to one that fails it is many. The question is the one of CloudEvents, HTTP 1.1 Web
Hooks for Event Delivery 1.0.2, 4: OPTIONS with an origin, which the answer allows.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar
from urllib.parse import urlsplit

from app.config.settings import Settings
from app.errors import Problem
from app.webhooks.addresses import AddressPolicy, Resolver
from app.webhooks.send import EndpointClient

MAX_AT_HOST: Final = 5
_MAX_SECONDS: Final = 5.0  # whoever makes the endpoint waits for it
# Where no PUBLIC_URL says who asks.
_NO_ORIGIN: Final = "bulk-cancel"


_Made = TypeVar("_Made")


class HostMustAgree(Problem):
    """A host has as many endpoints of the business as it may have without being asked."""

    def __init__(self) -> None:
        """It is a 409 that says what the endpoint has to answer."""
        super().__init__(
            409,
            "host-has-not-agreed",
            "The host has not agreed",
            f"A business may have {MAX_AT_HOST} endpoints at a host. For another one the URL must "
            "answer OPTIONS by a 2xx with WebHook-Allowed-Origin.",
        )


def demand(urls: Iterable[str], url: str, *, agreed: bool, instead_of: str | None = None) -> None:
    """See that the host of `url` may have one more beside these.

    Args:
        urls: those of all the business's endpoints, as `check_url` has them.
        url: the new one's, as that has it.
        agreed: whether it has been asked, and has agreed.
        instead_of: where the endpoint has been so far, if it has.

    Raises:
        HostMustAgree: it has to be asked.
    """
    host = urlsplit(url).hostname
    if agreed or (instead_of is not None and urlsplit(instead_of).hostname == host):
        return
    if sum(urlsplit(other).hostname == host for other in urls) >= MAX_AT_HOST:
        raise HostMustAgree


async def with_consent(
    settings: Settings, url: str, act: Callable[[bool], Awaitable[_Made]]
) -> _Made:
    """Do what calls `demand`, and once more when the host has agreed, if it must.

    The host is asked between the two, so that no transaction waits for it.

    Args:
        settings: who asks, and where endpoints may be.
        url: the endpoint's.
        act: does it; its argument is whether the host has agreed.

    Raises:
        HostMustAgree: it was asked, and has not agreed.
    """
    try:
        return await act(False)
    except HostMustAgree:
        if not await agrees(settings, url):
            raise
    return await act(True)


async def agrees(settings: Settings, url: str) -> bool:
    """Ask the endpoint itself; True if it allows our origin, or any.

    It takes 5 s at most; an endpoint that says nothing, or something else, has not agreed.
    """
    origin, resolver = settings.public_host or _NO_ORIGIN, Resolver()
    client = EndpointClient(
        AddressPolicy.of(settings),
        resolver,
        # It reads all trusted certificates, which takes longer than the loop may be kept.
        await asyncio.to_thread(ssl.create_default_context),
        most_connections=1,
        total_seconds=min(settings.webhook_timeout_seconds, _MAX_SECONDS),
    )
    try:
        headers = await client.options(url, {"WebHook-Request-Origin": origin})
    finally:
        await client.aclose()
        await resolver.aclose()
    return headers is not None and headers.get("webhook-allowed-origin") in {origin, "*"}
