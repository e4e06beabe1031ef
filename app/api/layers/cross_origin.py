"""What scripts of a business's own sites may read of the API (CORS, of the Fetch Standard).

A browser asks beforehand without a key, so nobody knows then whose site it is: that is allowed to
any, and gives nothing away, for what acts is a key or a token, which no browser sends by itself.
The answer itself is shown to the sites that the caller's business names (`api_origins`), and to no
other. What is for anybody has headers of its own (`request_log`).
"""

import time
from collections import OrderedDict
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.status import HTTP_204_NO_CONTENT, HTTP_401_UNAUTHORIZED
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.layers.entity_tags import PREFIX
from app.api.layers.request_log import ANYBODYS
from app.auth.belief import BELIEVED_SECONDS
from app.auth.callers import Caller
from app.db.core.engine import Database
from app.db.core.outage import DATABASE_ERRORS
from app.schedule.pages import page_settings

_MAX_KNOWN: Final = 1_000  # businesses
_ASKED: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": (
        "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, "
        "X-Request-Id"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED: Final = (
    "Content-Disposition, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Request-Id"
)


class KeptSites:
    """The sites that businesses name, each kept for `BELIEVED_SECONDS` at most.

    What this process changes counts at once (`drop`).
    """

    def __init__(self) -> None:
        # By business, the longest known first: until when (monotonic), and its sites.
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()

    async def of(self, db: Database, business_id: str) -> tuple[str, ...]:
        """What the business names now, or has not long ago; nothing where nobody can say."""
        until, sites = self._known.get(business_id, (0.0, ()))
        if until > time.monotonic():
            return sites
        try:
            sites = await page_settings.api_origins(db, business_id)
        except DATABASE_ERRORS:
            return ()  # the answer, which says so, is not to fail by this
        self._known[business_id] = time.monotonic() + BELIEVED_SECONDS, sites
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return sites

    def drop(self, business_id: str) -> None:
        """Ask for this business's anew."""
        self._known.pop(business_id, None)


class CrossOrigin:
    """ASGI: answers what browsers ask beforehand, and says of each answer who may read it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _of_elsewhere(scope)
        if origin is None:
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            allowed = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} | _ASKED
            await Response(None, HTTP_204_NO_CONTENT, allowed)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if await _may_read(scope, origin, message["status"]):
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self.app(scope, receive, with_headers)


async def _may_read(scope: Scope, origin: str, status: int) -> bool:
    who = scope["state"].get("caller")
    if isinstance(who, Caller):
        service = scope["app"].state.service
        return origin in await service.sites.of(service.db, who.business_id)
    # Of who is unknown there is no business; and a page has to be able to tell that.
    return who is None and status == HTTP_401_UNAUTHORIZED


def _of_elsewhere(scope: Scope) -> str | None:
    """The origin of the page that asks for something of the API, where it is none of ours."""
    if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
        return None
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or scope["path"].startswith(ANYBODYS):
        return None
    if scope["method"] == "OPTIONS" and "access-control-request-method" not in headers:
        return None
    return None if origin.partition("://")[2] == headers.get("host") else origin
