"""One id, one log line and the same safe headers for every request.

Bodies, queries, headers and the tokens of clients' links are never logged. Where a key is needed,
the line has its prefix and the address (`authorise` adds them); where clients ask, neither.
"""

import re
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from app.meters import request_answered
from app.tracing import spans

log = structlog.get_logger()

ROUTE: Final = "bulk_cancel_route"  # in a scope: the template of what answers
_PREFIX: Final = "/v1/"
_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
# What is for anybody may be read by any site's pages, refusals too (CORS): no key is taken there.
ANYBODYS: Final = "/v1/public/"
_OF_ANYBODYS: Final = _HEADERS | {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
}
_FRAMED: Final = "frame-ancestors http"  # the policy of a page that some sites may show
# Links of clients act for them: whoever reads a log must not have them, nor may a cache.
_LINKS: Final = re.compile(
    r"(/v1/choices/|/choose/|/v1/client-pages/|/yours/|/v1/mail-preferences/|/unsubscribe/)[^/]+"
)
_QUIET: Final = ("/livez", "/readyz")  # asked every few seconds by machines
_UNTRACED: Final = (*_QUIET, "/metrics")
_SERVER_ERROR: Final = 500


def _route_of(scope: Scope) -> str | None:
    """The template of the route that answers, which the router has noted by now.

    FastAPI's leaves out the prefix of the router that its own was included in.
    """
    route = scope.get(ROUTE) or getattr(scope.get("route"), "path", None)
    if not isinstance(route, str):
        return None
    is_short = scope["path"].startswith(_PREFIX) and not route.startswith(_PREFIX)
    return f"{_PREFIX}{route.removeprefix('/')}" if is_short else route


def _note(span: spans.Span, route: str | None, status: int) -> None:
    if route is not None:
        span.name_after_route(route)
    span.note("http.response.status_code", status)
    if status >= _SERVER_ERROR:
        span.failed(str(status))


class RequestLog:
    """ASGI: the outermost layer.

    A caller's own `X-Request-Id` is kept when it is short and plain.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent_id = headers.get("x-request-id", "")
        request_id = sent_id if _ACCEPTED_ID.fullmatch(sent_id) else str(uuid7())
        scope.setdefault("state", {})["request_id"] = request_id
        path = _LINKS.sub(r"\1{token}", scope["path"])
        is_secret = "authorization" in headers or path != scope["path"]
        safe = _OF_ANYBODYS if path.startswith(ANYBODYS) else _HEADERS
        status = 0

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                route = _route_of(scope)
                request_answered(scope["method"], route, status, time.perf_counter() - started)
                _note(span, route, status)
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"] = request_id
                for name, value in safe.items():
                    answer.setdefault(name, value)
                if _FRAMED in answer.get("content-security-policy", ""):
                    del answer["X-Frame-Options"]  # it can name no origin
                if is_secret:
                    answer.setdefault("Cache-Control", "no-store")
            await send(message)

        started = time.perf_counter()
        traced = (
            spans.NOTHING
            if scope["path"] in _UNTRACED
            else spans.request(scope["method"], scope["headers"], request_id)
        )
        with structlog.contextvars.bound_contextvars(request_id=request_id), traced as span:
            await self.app(scope, receive, with_headers)
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            note = log.debug if scope["path"] in _QUIET else log.info
            note(
                "request.answered",
                method=scope["method"],
                path=path,
                status=status,
                ms=milliseconds,
            )
