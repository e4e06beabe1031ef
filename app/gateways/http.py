"""The pooled HTTP client for one upstream.

No call outlasts its deadline, and none is sent twice. The only module that knows pyreqwest. What a
call came to is an `Answer` (the upstream spoke), `NotSent` (surely no request left this process) or
`Broken` (it may have arrived, nothing is known).

pyreqwest's exception classes cannot be used to tell `NotSent` from `Broken`: measured on 0.15, a
server that reads the request and hangs up raises `ConnectError`, and one that reads it and never
answers raises `ConnectTimeoutError`. The list of causes can: a failure while connecting carries the
cause `client error (Connect)`, one after that `client error (SendRequest)` or none. Whatever is not
recognised is `Broken`, so a change of wording costs look-ups and never a second refund.
`tests/integration/test_connections.py` holds each case to it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import DetailedPyreqwestError, PoolTimeoutError, PyreqwestError
from pyreqwest.request import RequestBuilder
from pyreqwest.response import Response

from app.tracing import spans

MAX_ANSWER_BYTES: Final = 64 * 1024
# What an answer's reader needs of its headers.
HEADERS: Final = ("retry-after", "date", "stripe-rate-limited-reason")
_CONNECTING: Final = "client error (Connect)"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, of its headers those of `HEADERS`.

    A body above `MAX_ANSWER_BYTES` is cut one byte above.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request left.

    It was refused, or there was no such host, no TLS, no connection or free slot in time.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The request may have arrived, and no whole answer came back."""

    detail: str


Reply = HttpAnswer | NotSent | Broken


class UpstreamClient:
    """A connection pool for one base URL: keep-alive; no redirects, cookies, environment proxy."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        connect_seconds: float,
        total_seconds: float,
        max_connections: int,
    ) -> None:
        """Make the pool; nothing is connected yet.

        Args:
            url: what paths are appended to, with or without a slash at its end.
            token: sent as bearer token with each call; None sends none.
            connect_seconds: for name, TCP and TLS of a new connection.
            total_seconds: the hard deadline of a call, from waiting for a connection to the last
                byte.
            max_connections: calls at a time; one more waits for a free connection within its
                deadline.

        Raises:
            ValueError: a URL that is not http(s), a token that cannot be a header, deadlines in the
                wrong order.
        """
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"an upstream's URL begins with http:// or https://, not {url[:20]!r}")
        if not 0 < connect_seconds <= total_seconds:
            raise ValueError("0 < connect_seconds <= total_seconds must hold")
        self.total_seconds = total_seconds
        self._url = url.rstrip("/")
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._client = _client(token, connect_seconds, total_seconds, max_connections)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Make one call, sent at most once, ended within `total_seconds`, or `seconds` if given.

        Nothing that a peer does raises. A header that the pool sends too, as its Authorization, is
        sent instead of the pool's and never beside it.

        Raises:
            ValueError: a header or a URL that cannot be sent at all, which is the caller's mistake.
        """
        traced = spans.call(method, self._host, self._port)
        if traced is not None:
            headers = {**(headers or {}), "traceparent": traced.traceparent}
        request = self._client.request(method, self._url + path)
        if seconds is not None:
            request = request.timeout(timedelta(seconds=seconds))
        if query is not None:
            request = request.query(query)
        if headers is not None:
            request = request.headers(headers)
        if json is not None:
            request = request.header("Content-Type", "application/json").body_bytes(
                orjson.dumps(json)
            )
        elif form is not None:
            request = request.form(form)
        reply = await _reply_to(request)
        if traced is not None:
            if isinstance(reply, HttpAnswer):
                traced.ended(status=reply.status)
            else:
                traced.ended(status=None, because=type(reply).__name__)
        return reply

    async def aclose(self) -> None:
        """Close all connections; calls under way end as `Broken`."""
        await self._client.close()


async def _reply_to(request: RequestBuilder) -> Reply:
    try:
        # Streamed, for the cap: read in full, a body would be whatever an upstream sends.
        async with request.build_streamed() as response:
            body = await response.body_reader.read(MAX_ANSWER_BYTES + 1)
            return HttpAnswer(
                response.status, _headers(response), b"" if body is None else bytes(body)
            )
    except PyreqwestError as error:
        return _failure(error)


def _client(
    token: str | None, connect_seconds: float, total_seconds: float, max_connections: int
) -> Client:
    builder = (
        ClientBuilder()
        .user_agent("bulk-cancel")
        .no_proxy()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .max_connections(max_connections)
        .pool_max_idle_per_host(max_connections)
        # Shorter than the idle time-outs of common servers and balancers (60 s and up): fewer calls
        # are lost on a connection that the other side is just closing.
        .pool_idle_timeout(timedelta(seconds=20))
        .connect_timeout(timedelta(seconds=connect_seconds))
        .timeout(timedelta(seconds=total_seconds))
        .default_headers({"Accept": "application/json"} | ({} if token is None else bearer(token)))
    )
    # Not asked for and not undone: a few compressed bytes can be an unbounded body.
    for coding in (builder.gzip, builder.brotli, builder.zstd, builder.deflate):
        coding(enable=False)
    return builder.build()


def bearer(token: str) -> dict[str, str]:
    """The header that a bearer token is sent in.

    Raises:
        ValueError: it can't be in a header.
    """
    if not (token.isascii() and token.isprintable()):
        raise ValueError("a bearer token is printable ASCII")
    return {"Authorization": f"Bearer {token}"}


def _headers(response: Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name in HEADERS:
        # Not there; or not text, which is as good as not there.
        with suppress(KeyError, ValueError):
            headers[name] = response.headers[name]
    return headers


def _failure(error: PyreqwestError) -> NotSent | Broken:
    # The causes name the URL, which stays out of logs and of the audit; the last one says what
    # happened.
    causes = (error.details["causes"] or []) if isinstance(error, DetailedPyreqwestError) else []
    messages = [cause["message"] for cause in causes]
    if isinstance(error, PoolTimeoutError):
        return NotSent("no free connection in time")
    if _CONNECTING in messages:
        return NotSent(f"no connection: {messages[-1]}")
    return Broken(f"no answer: {messages[-1] if messages else error.message}")
