"""Refuses a body that is over the limit while it streams in, so that no request can fill the memory.

Content-Length is believed when it says too much, and counted against when it says too little or, chunked, nothing.
"""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import response_from
from app.errors import Problem

# A client that is still sending would take a closed connection for a network fault and never read the refusal, so the
# rest of its body is read and thrown away: so many times the limit, and so long.
_DRAINED_LIMITS: Final = 8
_DRAIN_SECONDS: Final = 2.0


class BodyLimit:
    """ASGI: bodies over `limit_bytes` are answered 413; what is in `except_paths` has a limit of its own."""

    def __init__(self, app: ASGIApp, limit_bytes: int, except_paths: frozenset[tuple[str, str]]) -> None:
        """`except_paths` holds pairs of method and path."""
        self.app = app
        self.limit_bytes = limit_bytes
        self.except_paths = except_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) in self.except_paths:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.limit_bytes:
            await self._refuse(receive, send, scope, more="expect" not in headers)
            return
        seen = 0
        begun = False
        more = True

        async def counted() -> Message:
            nonlocal seen, more
            message = await receive()
            more = message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes and not begun:  # once it answers, the app has no more use for the body
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except _TooLarge:
            await self._refuse(receive, send, scope, more=more)

    async def _refuse(self, receive: Receive, send: Send, scope: Scope, *, more: bool) -> None:
        """`more`: the client is sending the rest. One that waits for "100 Continue" is not."""
        response = response_from(too_large(self.limit_bytes))
        response.headers["Connection"] = "close"
        if not more:
            await response(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 413, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        await _drain(receive, _DRAINED_LIMITS * self.limit_bytes)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _TooLarge(BaseException):
    """No `Exception`, because the app answers those that it meets while reading a body itself."""


def too_large(limit_bytes: int) -> Problem:
    """413: the body is over its limit."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"A body of at most {limit_bytes} bytes is taken here.",
        extensions={"limit_bytes": limit_bytes},
    )


async def _drain(receive: Receive, most_bytes: int) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while most_bytes > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                most_bytes -= len(message["body"])
    except TimeoutError:
        return
