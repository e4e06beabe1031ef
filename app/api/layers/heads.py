"""Answers HEAD wherever GET is answered, with no body (RFC 9110 §9.3.2).

Status and headers are the same. The app is asked for the GET and left as soon as it begins its
answer: no body is made, however long it would be.
"""

import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """ASGI: beneath the layer that logs, above all that ask for the method."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Answered

        with contextlib.suppress(_Answered):
            await self.app({**scope, "method": "GET"}, receive, send_head)


class _Answered(BaseException):
    """No `Exception`, because the app would answer that itself."""
