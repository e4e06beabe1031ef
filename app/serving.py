"""Runs ASGI apps on uvicorn so that a process ends soon after SIGTERM: streams are told, requests are finished."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

# h11 bounds the size of a head, which what faces the world needs; httptools costs a third less, which suits loopback.
Parser = Literal["h11", "httptools"]

_HEADER_BYTES: Final = 16 * 1024
_GRACE_SECONDS: Final = 5
_KEEP_ALIVE_SECONDS: Final = 30


class Server(uvicorn.Server):
    """uvicorn's server, which on SIGTERM or SIGINT sets `stopping` and then returns instead of dying of the signal."""

    def __init__(self, app: ASGIApp, *, stopping: asyncio.Event, heeds_signals: bool, parser: Parser) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=parser,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # app/api/requests.py writes the line
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_HEADER_BYTES,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._stopping = stopping
        self._heeds_signals = heeds_signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Through the loop, so that the handler runs between callbacks; uvicorn's own raises the signal again."""
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
        """Tells the app before uvicorn waits for its answers to end."""
        self._stopping.set()
        await super().shutdown(sockets)

    def _stop(self, number: int) -> None:
        self._stopping.set()
        self.handle_exit(number, None)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose one.

    Raises:
        OSError: the address is taken, not ours or not known.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio turns Nagle's algorithm off, which costs an answer 40 ms.
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


async def serve(app: Starlette, listener: socket.socket, *, parser: Parser = "h11") -> None:
    """Serves until SIGTERM or SIGINT; `app.state.stopping` is set first, so that streams can end themselves."""
    await Server(app, stopping=app.state.stopping, heeds_signals=True, parser=parser).serve([listener])


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp, listener: socket.socket | None = None, *, parser: Parser = "httptools"
) -> AsyncIterator[str]:
    """Serves another app inside this loop while the block runs, on loopback by default; yields its address.

    Raises:
        RuntimeError: the app did not start.
    """
    listener = listener or listen("127.0.0.1", 0)
    address = address_of(listener)
    server = Server(app, stopping=asyncio.Event(), heeds_signals=False, parser=parser)
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
