"""Answers on the connection, whole or not at all.

A dropped call ends at the socket, as when a peer dies.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Send

Fields = Mapping[str, str] | None

_PROBLEM = b"application/problem+json"


async def answer(send: Send, status: int, body: bytes, kind: bytes, headers: Fields = None) -> None:
    """Send one whole answer."""
    lines = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    lines += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, status: int, document: Any, headers: Fields = None) -> None:
    """Send a document as JSON."""
    await answer(send, status, orjson.dumps(document), b"application/json", headers)


async def refuse(send: Send, status: int, code: str, detail: str, headers: Fields = None) -> None:
    """Send a problem (RFC 9457) with the code that the contracts speak of."""
    await answer(send, status, orjson.dumps(_problem(status, code, detail)), _PROBLEM, headers)


async def lack(send: Send, status: int) -> None:
    """Say that there is no such operation: a problem without a code."""
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    await answer(send, status, orjson.dumps(problem), _PROBLEM)


def json_response(status: int, document: Any) -> Response:
    """A document as a response, for the routes that need no speed."""
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")


def problem_response(status: int, code: str, detail: str) -> Response:
    """A problem as a response."""
    content = orjson.dumps(_problem(status, code, detail))
    return Response(content, status_code=status, media_type=_PROBLEM.decode())


async def body_of(receive: Receive, *, limit: int) -> bytes | None:
    """The whole body, or a chunk above `limit` bytes of it.

    None if the caller left before its end.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > limit:
            return bytes(body)


async def until_gone(receive: Receive) -> None:
    """Wait until the caller has left; an answer after that goes nowhere, silently."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def drop(receive: Receive, send: Send) -> None:
    """Close the connection at once, without an answer.

    Raises:
        ConnectionAbortedError: no transport shows below us: a test client that calls the app
            directly, or a middleware that sends through a queue (BaseHTTPMiddleware). The caller
            then sees a 500.
    """
    transport = _transport(send)
    if transport is None:
        raise ConnectionAbortedError("dropped on purpose")
    transport.abort()
    await until_gone(receive)


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    kind = f"/problems/{code.replace('_', '-')}"
    return {
        "type": kind,
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
    }


def _transport(send: Any) -> Any:
    # ASGI has no word for "hang up". uvicorn's `send` is a method of the request's cycle, which
    # holds the transport, and every middleware on the way here wraps it in a closure or in an
    # object: unwrap until it shows.
    found, seen = [send], 0
    while seen < len(found) < 100:  # noqa: PLR2004 - far more than any chain of middleware holds
        one = found[seen]
        seen += 1
        owner = getattr(one, "__self__", one)
        transport = getattr(owner, "transport", None)
        if hasattr(transport, "abort"):
            return transport
        held = [cell.cell_contents for cell in getattr(one, "__closure__", None) or ()]
        found += [inner for inner in (*held, getattr(owner, "send", None)) if callable(inner)]
    return None
