"""Gives each JSON answer to a GET its ETag, and 304 to who has it.

See RFC 9110 §13.1.2: it saves bytes, and no query. What names its own tag, and what comes in
several parts, is passed on as it is.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.status import HTTP_200_OK, HTTP_304_NOT_MODIFIED
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.negotiation import etag_of, matches

PREFIX: Final = "/v1/"


class EntityTags:
    """ASGI: beneath the layer that answers HEAD, so that HEAD has GET's tag."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or not scope["path"].startswith(PREFIX)
        ):
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _wants_a_tag(message):
                held = message
                return
            if held is not None:
                start, held = held, None
                if not message.get("more_body", False):
                    message = _tagged(start, message, Headers(scope=scope).get("if-none-match"))
                await send(start)
            await send(message)

        await self.app(scope, receive, send_tagged)


def _wants_a_tag(start: Message) -> bool:
    if start["status"] != HTTP_200_OK:
        return False
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").startswith("application/json") and "etag" not in headers


def _tagged(start: Message, whole: Message, if_none_match: str | None) -> Message:
    """Put the tag into the answer's beginning, and give its body.

    That is none for who has the tag already.
    """
    headers = MutableHeaders(scope=start)
    headers["ETag"] = etag_of(whole.get("body", b""))
    if not matches(if_none_match, headers["ETag"]):
        return whole
    start["status"] = HTTP_304_NOT_MODIFIED
    for name in ("Content-Length", "Content-Type"):
        del headers[name]
    return {"type": "http.response.body", "body": b""}
