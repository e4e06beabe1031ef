"""Links that clients hold instead of a key: counted by link, and wrong ones by address."""

import hashlib
from typing import TypeVar

from fastapi import Request

from app.api.layers.addresses import address_of, networks
from app.api.layers.governor import Governor
from app.config.settings import Settings
from app.errors import NotFound

Whose = TypeVar("Whose")


async def admitted(
    request: Request, settings: Settings, token: str, whose: Whose | None, *, what: str
) -> Whose:
    """Whom a link is of, if it may be used now; a wrong one (None) counts as a wrong key.

    Raises:
        NotFound: no key of ours has made it; `what` it would have led to.
        Problem: 429 too-many-requests.
    """
    governor: Governor = request.app.state.governor
    if whose is None:
        await count_wrong(request, settings)
        raise NotFound(what)
    # Buckets have names that others may read: not the link itself.
    await governor.admit_link(hashlib.sha256(token.encode()).hexdigest())
    return whose


async def count_wrong(request: Request, settings: Settings) -> None:
    """Count what was sent instead of a key, and is not valid, as a wrong key.

    Raises:
        Problem: 429 too-many-requests.
    """
    governor: Governor = request.app.state.governor
    proxies = networks(settings.trusted_proxies)
    await governor.count_wrong_link(address_of(request.scope, proxies))
