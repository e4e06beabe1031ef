"""One attempt to deliver a webhook: a POST to where it may go, or a question to that place.

It ends within its deadline, and raises for no peer. A status that came counts, whatever becomes of
the rest of the answer; of that at most `MAX_ANSWER_BYTES` are read, and nothing is followed,
unpacked or kept but the beginning.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import httpcore
import httpx

from app.gateways.answers import retry_after
from app.webhooks.addresses import AddressPolicy, GuardedBackend, Resolver
from app.webhooks.retries import MAX_RETRY_AFTER_SECONDS, is_delivered
from app.webhooks.urls import check_url

MAX_ANSWER_BYTES: Final = 64 * 1024  # as they leave TLS: heads, and lengths of chunks, count too
MAX_RESPONSE_BYTES: Final = 1024
# Shorter than the idle time-outs of common servers and balancers (60 s and up): fewer attempts are
# lost on a connection that the other side is just closing.
_IDLE_SECONDS: Final = 20.0
_HEADERS: Final = {
    "Content-Type": "application/json",
    "User-Agent": "bulk-cancel",
    "Accept-Encoding": "identity",
}


class DeliveryError(StrEnum):
    """Why there is no status."""

    NOT_ALLOWED = "not_allowed"  # the URL itself; an address that is not allowed is no connection
    NO_CONNECTION = "no_connection"
    TLS = "tls"
    BROKEN = "broken"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What an attempt came to: either a status or an error.

    `response` is the first 1,024 bytes of the answer's body as text without NUL, what is no UTF-8
    replaced; None where no answer came. `retry_after_seconds` is a day at most.
    """

    status: int | None
    error: DeliveryError | None
    response: str | None
    milliseconds: int
    retry_after_seconds: float | None


@dataclass(slots=True)
class _PartialResponse:
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


@lru_cache(maxsize=1_024)
def _target(text: str, policy: AddressPolicy) -> tuple[httpcore.URL, bytes]:
    """Where an endpoint's URL leads, and its Host.

    Kept for the next attempt: that it may be depends on nothing else.

    Raises:
        ValueError: an endpoint may not have it.
    """
    url = httpx.URL(check_url(text, policy))
    # From its parts: httpcore would read the text by its own rules, and perhaps for another host.
    parts = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    return parts, url.netloc


class EndpointClient:
    """The connections to one endpoint: HTTP/1.1, kept alive, by no proxy.

    No endpoint takes another's.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        resolver: Resolver,
        ssl_context: ssl.SSLContext,
        *,
        most_connections: int,
        total_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is connected yet.

        Args:
            policy: where the endpoint may be.
            resolver: shared by all endpoints; not closed with this.
            ssl_context: made once for the process, as reading the trusted certificates takes long.
            most_connections: attempts at a time; one more waits for a free connection within its
                deadline.
            total_seconds: the deadline of an attempt, from the wait for a connection to the
                answer's end.
            now: the time (aware) from which a Retry-After that is a date counts, if the answer has
                no date.
        """
        self._policy = policy
        self._total_seconds = total_seconds
        self._now = now
        # Pools of one: at every call a pool looks at all its connections, and with sixteen that
        # takes thrice the CPU.
        self._pools = [
            httpcore.AsyncConnectionPool(
                ssl_context=ssl_context,
                max_connections=1,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=_SizeLimitedBackend(policy, resolver),
            )
            for _ in range(most_connections)
        ]
        # The one used last comes first: others may time out.
        self._free = asyncio.LifoQueue[httpcore.AsyncConnectionPool]()
        for pool in self._pools:
            self._free.put_nowait(pool)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> AttemptResult:
        """Make one attempt; nothing that the peer or the network does raises.

        Args:
            url: as `check_url` has given it, and checked again: what is allowed may have changed
                since.
            headers: those beside what every attempt has.
            body: sent as it is.

        Raises:
            httpcore.LocalProtocolError: a header that can't be sent, which is the caller's mistake.
        """
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            partial, error = await self._answer("POST", url, headers, body)
        except ValueError:
            return AttemptResult(None, DeliveryError.NOT_ALLOWED, None, 0, None)
        milliseconds = round((clock() - begun) * 1000)
        if partial.status is None:
            return AttemptResult(None, error, None, milliseconds, None)
        response = partial.body.decode(errors="replace").replace("\0", "")
        asked = retry_after(partial.headers, now=self._now(), at_most=MAX_RETRY_AFTER_SECONDS)
        return AttemptResult(partial.status, None, response, milliseconds, asked)

    async def options(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """Ask what the endpoint takes; the headers of a 2xx, with their names in lower case.

        None where there was no such answer. `url` and `headers` are as in `post`.
        """
        try:
            partial, _ = await self._answer("OPTIONS", url, headers, b"")
        except ValueError:
            return None
        return partial.headers if is_delivered(partial.status) else None

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[_PartialResponse, DeliveryError | None]:
        """What came within the deadline, and what ended it if that was no answer.

        Raises:
            ValueError: the URL may not be an endpoint's.
        """
        partial, target = _PartialResponse(), _target(url, self._policy)
        try:
            async with asyncio.timeout(self._total_seconds), self._connection() as pool:
                await self._exchange(pool, method, target, headers, body, partial)
        except (
            TimeoutError,
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.RemoteProtocolError,
            ssl.SSLError,
        ) as failure:
            return partial, _error_of(failure)
        return partial, None

    async def aclose(self) -> None:
        """Close all connections; attempts under way end as broken."""
        for pool in self._pools:
            await pool.aclose()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        pool = await self._free.get()
        try:
            yield pool
        finally:
            self._free.put_nowait(pool)

    async def _exchange(
        self,
        pool: httpcore.AsyncConnectionPool,
        method: str,
        target: tuple[httpcore.URL, bytes],
        headers: Mapping[str, str],
        body: bytes,
        partial: _PartialResponse,
    ) -> None:
        url, host = target
        async with pool.stream(
            method,
            url,
            headers=[("Host", host), *_HEADERS.items(), *headers.items()],
            content=body,
            extensions={"timeout": {"connect": self._total_seconds}},
        ) as response:
            partial.status = response.status
            partial.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            async for part in response.aiter_stream():
                partial.body += part[: MAX_RESPONSE_BYTES - len(partial.body)]


class _SizeLimitedBackend(GuardedBackend):
    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _SizeLimitedStream(await super().connect_tcp(*args, **kwargs))


class _SizeLimitedStream(httpcore.AsyncNetworkStream):
    """Reads at most `MAX_ANSWER_BYTES` after the last write, and breaks where there are more.

    Counted here and not in bodies: an endless row of small chunks or of 1xx answers costs as much
    to read.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MAX_ANSWER_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's interface
        if self._left == 0:
            raise httpcore.ReadError("the answer is too long")
        received = await self._stream.read(min(max_bytes, self._left), timeout)
        self._left -= len(received)
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._left = MAX_ANSWER_BYTES
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _SizeLimitedStream(
                await self._stream.start_tls(ssl_context, server_hostname, timeout)
            )
        except BaseException:
            # httpcore closes on errors alone: whoever hangs in the handshake would keep a socket of
            # ours each time.
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _error_of(failure: Exception) -> DeliveryError:
    # httpcore wraps what it catches, and its pool drops the cause: only the arguments have it.
    if any(isinstance(error, ssl.SSLError) for error in (failure, *failure.args)):
        return DeliveryError.TLS
    match failure:
        case TimeoutError() | httpcore.TimeoutException():
            return DeliveryError.TIMED_OUT
        case httpcore.ConnectError():
            return DeliveryError.NO_CONNECTION
        case _:
            return DeliveryError.BROKEN
