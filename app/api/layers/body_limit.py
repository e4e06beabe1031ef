"""Refuses a body that is over a limit while it comes in.

So no request can fill memory or hold up the process. Limits are of bytes, of values, since reading
JSON of a million small ones takes seconds of the one loop, and of time. Content-Length is believed
when it says too much, and counted against when it says too little or, chunked, nothing. No byte is
asked for before the app asks; whoever is answered before that, such as a stranger, has the
connection closed.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.layers.problems import response_from
from app.errors import Problem

# The longest list that a body may hold has 5,000 items. Of this many values, all wrong, each error
# is made in 50 ms.
MAX_VALUES: Final = 20_000
# One of these stands before each value; within a text they count, too.
_MARKS: Final = (b",", b":", b"[", b"{")
# A client that is still sending would take a closed connection for a network fault and never read
# the refusal. The rest of its body is read and thrown away, so many times the limit, for so long.
_DRAINED_LIMITS: Final = 8
_DRAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body may be, and how long it may take.

    A `size_bytes` of None: any. `silence_seconds` is between two parts of it, `whole_seconds` in
    all.
    """

    size_bytes: int | None
    silence_seconds: float
    whole_seconds: float


class BodyLimit:
    """ASGI: bodies over the limits are answered 413 or 408."""

    def __init__(
        self, app: ASGIApp, limits: Limits, apart: Mapping[tuple[str, str], Limits]
    ) -> None:
        """`apart`: other limits, by method and path."""
        self.app = app
        self.limits = limits
        self.apart = apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limits = self.apart.get((scope["method"], scope["path"]), self.limits)
        exchange = _Exchange(
            Headers(scope=scope), receive, send, limits, self.limits.size_bytes or 0
        )
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except _Refused as refused:
            await response_from(refused.problem)(scope, receive, exchange.send)


class _Exchange:
    """One request's body and its answer, with what has been seen of each."""

    def __init__(
        self, headers: Headers, receive: Receive, send: Send, limits: Limits, drained_bytes: int
    ) -> None:
        self._receive = receive
        self._send = send
        self._limits = limits
        self._drained_bytes = _DRAINED_LIMITS * drained_bytes
        length = headers.get("content-length", "")
        self._declared = int(length[:20]) if length.isdecimal() else 0
        self._more = self._declared > 0 or "transfer-encoding" in headers
        self._waits = "expect" in headers  # for "100 Continue", and sends nothing before that
        self._ends_at = float("inf")
        self._bytes = 0
        self._values = 0
        self._begun = False
        self._closes = False

    async def receive(self) -> Message:
        """What the app is given.

        Raises:
            _Refused: the body is over a limit; once it answers, the app has no more use for it.
        """
        # What comes now is the word that the caller has left, whenever that is.
        if not self._more or self._begun:
            return await self._receive()
        if self._waits or not self._bytes:
            self._check_size(self._declared)
        self._waits = False
        message = await self._within_time()
        body: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self._bytes += len(body)
        self._check_size(self._bytes)
        self._count_values(body)
        return message

    async def _within_time(self) -> Message:
        now = time.monotonic()
        self._ends_at = min(self._ends_at, now + self._limits.whole_seconds)
        try:
            async with asyncio.timeout(min(self._limits.silence_seconds, self._ends_at - now)):
                return await self._receive()
        except TimeoutError:
            raise _Refused(too_slow()) from None

    def _check_size(self, size: int) -> None:
        limit = self._limits.size_bytes
        if limit is not None and size > limit:
            raise _Refused(too_large(limit))

    def _count_values(self, part: bytes) -> None:
        if self._limits.size_bytes is not None:
            self._values += sum(part.count(mark) for mark in _MARKS)
            if self._values > MAX_VALUES:
                raise _Refused(too_many_values())

    async def send(self, message: Message) -> None:
        """The app's answer; what is still to come of the body is thrown away.

        It is thrown away after the answer.
        """
        if message["type"] == "http.response.start":
            self._begun = True
            self._closes = self._more
            if self._closes:
                MutableHeaders(scope=message)["Connection"] = "close"
        elif self._closes and not message.get("more_body", False) and not self._waits:
            await self._send({**message, "more_body": True})
            await _drain(self._receive, self._drained_bytes)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)


class _Refused(BaseException):
    """No `Exception`, because the app answers those that it meets while reading a body itself."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.slug)
        self.problem = problem


def too_large(limit_bytes: int) -> Problem:
    """413: the body is over its limit of bytes."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"A body of at most {limit_bytes} bytes is taken here.",
        extensions={"limit_bytes": limit_bytes},
    )


def too_many_values() -> Problem:
    """413: the body's JSON has too many members and items."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"A body of at most {MAX_VALUES} values is taken here, those within others counted too.",
        extensions={"limit_values": MAX_VALUES},
    )


def too_slow() -> Problem:
    """408: the body, or the next part of it, did not come in time."""
    return Problem(
        408,
        "request-timeout",
        "The request took too long",
        "The body did not come in time. Nothing was done; send it again.",
        headers={"Connection": "close"},
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
