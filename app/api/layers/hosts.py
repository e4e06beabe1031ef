"""Refuses requests by a name that nobody gave this service.

A page of elsewhere whose name is made to lead here would be the same origin as the console, and a
link made of such a name would lead elsewhere. Probes ask by any address, and learn nothing.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.layers.problems import response_from
from app.config.hosts import is_here, is_named
from app.config.settings import Settings
from app.errors import Problem

_OF_MACHINES: Final = ("/livez", "/readyz", "/metrics")


def allowed_hosts(settings: Settings) -> Sequence[str] | None:
    """The names by which requests are taken, this machine's own apart; None: any.

    Only who names some closes the API to others: links may bear a name by which it is never asked.
    """
    if settings.allowed_hosts is None:
        return None
    public = settings.public_host
    return settings.allowed_hosts.split() + ([public] if public else [])


class AllowedHosts:
    """ASGI: whoever asks by another name is answered 421 (RFC 9110, section 15.5.20)."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        """`names`: as `allowed_hosts` gives them."""
        self.app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OF_MACHINES or self._takes(scope):
            await self.app(scope, receive, send)
            return
        problem = Problem(
            421,
            "unknown-host",
            "This service has no such name",
            "The request's Host is none of the names that the operator gave this service.",
        )
        await response_from(problem)(scope, receive, send)

    def _takes(self, scope: Scope) -> bool:
        try:
            host = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
        except ValueError:
            return False
        return is_here(host) or is_named(host, self._names)
