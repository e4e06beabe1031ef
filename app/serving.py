"""Runs ASGI apps on uvicorn so that a process ends soon after SIGTERM.

Streams are told, requests are finished; whoever has connected by then may ask, for a moment. An
answer without a length that is not whole ends in a reset, whatever ends it: an error, the stop, the
process's death. Nobody keeps a connection by silence: a head has its time to come, and every part
of an answer its time to be taken.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# h11 bounds the size of a head, which what faces the world needs; httptools costs a third less,
# which suits loopback.
Parser = Literal["h11", "httptools"]

_HEADER_BYTES: Final = 16 * 1024
_GRACE_SECONDS: Final = 5
# From the stop on, for what is on its way over connections that are there: a proxy that finds one
# closed over which it has sent a POST answers 502.
LAST_SECONDS: Final = 1.0
# Longer than proxies keep connections to us (Traefik 90 s, Caddy 120 s): one that we close while a
# proxy sends a POST over it is a 502, which nobody may repeat unasked.
KEEP_ALIVE_SECONDS: Final = 130.0
SILENCE_SECONDS: Final = 30.0
_CLOSE_BY_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER, socket(7): on, with no time
_CLOSE_AS_USUAL: Final = struct.pack("ii", 0, 0)


class _Unfinished:
    """ASGI, for one connection: closing it amid an answer without a length resets it.

    HTTP/1.0 knows no other end of such an answer than the connection's, and many proxies speak it
    to us: half an answer would look whole. The system keeps to this when the process is killed,
    too.
    """

    def __init__(self, app: ASGIApp, transport: asyncio.Transport, config: "_Config") -> None:
        self._app = app
        self._transport = transport
        self._config = config
        self._silence_seconds = config.silence_seconds

    async def __call__(self, scope: Scope, receive: Receive, send_on: Send) -> None:
        unsized = False

        async def send(message: Message) -> None:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await send_on(message)
            except TimeoutError:
                _reset(self._transport)
                raise ClientDisconnect from None

        async def watched(message: Message) -> None:
            nonlocal unsized
            if message["type"] == "http.response.start":
                unsized = all(
                    name.lower() != b"content-length" for name, _ in message.get("headers", ())
                )
                if unsized:
                    self._close(_CLOSE_BY_RESET)
                if self._config.is_leaving:
                    close = (b"connection", b"close")
                    message = {**message, "headers": [*message.get("headers", ()), close]}
            elif unsized and not message.get("more_body", False):
                await self._send_all(message.get("body", b""), send)
                self._close(_CLOSE_AS_USUAL)
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if self._transport.is_closing() and self._transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(
                    self._silence_seconds, _reset, self._transport
                )

    async def _send_all(self, body: bytes, send: Send) -> None:
        """Wait until the system has all of the answer.

        What this process still holds would be lost with it.
        """
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._limit(high=0)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        self._limit()

    def _limit(self, *, high: int | None = None) -> None:
        # uvloop raises of a connection that the caller has closed meanwhile.
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits(high=high)

    def _close(self, how: bytes) -> None:
        _linger(self._transport, how)


def _linger(transport: asyncio.Transport, how: bytes) -> None:
    if not transport.is_closing():  # the number of a closed socket may be another's by now
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)


def _reset(transport: asyncio.Transport) -> None:
    """End a connection at once.

    A close would wait for the other side to take the rest, here or in the system.
    """
    _linger(transport, _CLOSE_BY_RESET)
    transport.abort()


class _Config(uvicorn.Config):
    silence_seconds: float
    keep_alive_seconds: float
    last_seconds: float
    is_leaving: bool = False  # nobody new is let in


class _Timed(asyncio.Protocol):
    """uvicorn's connection, with times for heads to come and answers to be taken.

    Each head has its time to come whole, and an idle connection's answers theirs to be taken.
    """

    config: Any  # a `_Config`
    timeout_keep_alive_task: Any
    transport: asyncio.Transport
    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    cycle: Any

    _head_timer: asyncio.TimerHandle | None = None
    _untaken: float = float("inf")
    _idle_left: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _Unfinished(self.app, transport, self.config)
        self._time_head()
        if self.config.is_leaving:
            self.shutdown()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_head()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(error)

    def shutdown(self) -> None:
        """End the connection after its answer.

        One that has none to give is kept for a moment, in which something may be asked.
        """
        if self._is_answering:
            super().shutdown()  # type: ignore[misc]
        else:
            self.loop.call_later(self.config.last_seconds, self._end_unasked)

    def _end_unasked(self) -> None:
        if not self._is_answering and not self.transport.is_closing():
            super().shutdown()  # type: ignore[misc]

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def timeout_keep_alive_handler(self) -> None:
        """End a connection where nothing is asked.

        It stays while its last answer is being taken.
        """
        untaken = self.transport.get_write_buffer_size()
        if untaken >= self._untaken:
            _reset(self.transport)
        elif untaken:
            self._untaken = untaken
            self._look_again(self.config.silence_seconds)
        elif self._idle_left > 0:
            seconds = min(self._idle_left, self.config.silence_seconds)
            self._idle_left -= seconds
            self._look_again(seconds)
        else:
            super().timeout_keep_alive_handler()  # type: ignore[misc]

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _time_head(self) -> None:
        if self._is_answering:
            self._stop_timer()
            self._untaken = float("inf")
            # uvicorn looks first when this answer has had its time to be taken.
            self._idle_left = self.config.keep_alive_seconds - self.config.timeout_keep_alive
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self.config.silence_seconds, _reset, self.transport
            )

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _H11(_Timed, H11Protocol):
    pass


class _HttpTools(_Timed, HttpToolsProtocol):
    pass


_PROTOCOLS: Final[dict[Parser, type[asyncio.Protocol]]] = {"h11": _H11, "httptools": _HttpTools}


class Server(uvicorn.Server):
    """uvicorn's server, which returns on SIGTERM or SIGINT instead of dying of it.

    It sets `stopping` first.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        stopping: asyncio.Event,
        heeds_signals: bool,
        parser: Parser,
        silence_seconds: float = SILENCE_SECONDS,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        last_seconds: float = 0.0,
    ) -> None:
        super().__init__(
            _Config(
                app,
                http=_PROTOCOLS[parser],
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # app/api/layers/requests.py writes the line
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_HEADER_BYTES,
                timeout_keep_alive=min(keep_alive_seconds, silence_seconds),  # type: ignore[arg-type] # any number
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        assert isinstance(self.config, _Config)
        self.config.silence_seconds = silence_seconds
        self.config.keep_alive_seconds = keep_alive_seconds
        self.config.last_seconds = last_seconds
        self._stopping = stopping
        self._heeds_signals = heeds_signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Through the loop, so that the handler runs between callbacks.

        uvicorn's own raises the signal again.
        """
        if not self._heeds_signals:
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells the app before uvicorn waits for its answers to end.

        Whoever has connected already is let in: a listener that is closed resets those.
        """
        assert isinstance(self.config, _Config)
        self._stopping.set()
        self.config.is_leaving = True
        last = [one for listener in sockets or () for one in _accepted(listener)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for one in last:
            await loop.connect_accepted_socket(self._protocol, one)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """A connection as uvicorn makes them."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _stop(self, number: int) -> None:
        self._stopping.set()
        self.handle_exit(number, None)


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Those who have connected and whom nobody has let in."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:  # there are no more, or one has gone again
            return


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose one.

    Raises:
        OSError: the address is taken, not ours or not known.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio turns off Nagle's algorithm, which costs an answer
    # 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """`http://host:port` of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    app: Starlette,
    listener: socket.socket,
    *,
    parser: Parser = "h11",
    silence_seconds: float = SILENCE_SECONDS,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
) -> None:
    """Serves until SIGTERM or SIGINT.

    `app.state.stopping` is set first, so that streams can end themselves.

    What is there by now stays for as long as the process: the collector no longer walks it. A walk
    through all modules and models is a tenth of a second, in which nobody would be answered.
    """
    gc.collect()
    gc.freeze()
    await Server(
        app,
        stopping=app.state.stopping,
        heeds_signals=True,
        parser=parser,
        silence_seconds=silence_seconds,
        keep_alive_seconds=keep_alive_seconds,
        last_seconds=LAST_SECONDS,
    ).serve([listener])


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp,
    listener: socket.socket | None = None,
    *,
    parser: Parser = "httptools",
    silence_seconds: float = SILENCE_SECONDS,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    last_seconds: float = 0.0,
) -> AsyncIterator[str]:
    """Serves another app inside this loop while the block runs; yields its address.

    That is on loopback by default. Nothing is waited for at the end, but for `last_seconds`.

    Raises:
        RuntimeError: the app did not start.
    """
    listener = listener or listen("127.0.0.1", 0)
    address = address_of(listener)
    server = Server(
        app,
        stopping=asyncio.Event(),
        heeds_signals=False,
        parser=parser,
        silence_seconds=silence_seconds,
        keep_alive_seconds=keep_alive_seconds,
        last_seconds=last_seconds,
    )
    task = asyncio.create_task(server.serve([listener]), name=f"serve {address}")
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError(f"the app for {address} did not start")
            await asyncio.sleep(0.005)
        yield address
    finally:
        server.should_exit = True
        await asyncio.wait([task])
