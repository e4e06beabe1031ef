"""Upstreams for this folder: the sandbox on a real socket, and peers that misbehave by the byte."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from app.sandbox.app import create_sandbox

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serve an app by uvicorn on an ephemeral loopback port; gives its address."""
    # The protocol is named because asyncio turns Nagle off only where it is: 40 ms an answer,
    # otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class UpstreamSandbox:
    """The sandbox's address and its control desk."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http

    async def faults(self, **payments) -> None:
        answer = await self.http.put("/faults", json={"payments": payments, "credits": payments})
        assert answer.status_code == 200, answer.text

    async def books(self, service: str = "payments") -> dict:
        return (await self.http.get("/books")).json()[service]


@contextlib.asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[UpstreamSandbox]:
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as http,
    ):
        yield UpstreamSandbox(url, http)


@pytest.fixture
async def upstream_sandbox():
    async with running(create_sandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def upstream_running():
    return running


@dataclass
class Raw:
    """A peer whose every byte the test writes, with the number of requests it has read."""

    url: str = ""
    requests: int = 0
    connections: int = 0
    tasks: set = field(default_factory=set)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.requests += 1
        return head + body


@pytest.fixture
async def upstream_raw():
    """Start raw peers: `await upstream_raw(talk)`.

    `talk(peer, reader, writer)` is one connection's life.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(talk) -> Raw:
            peer = Raw()

            async def life(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                peer.connections += 1
                try:
                    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                        await talk(peer, reader, writer)
                    writer.close()
                    with contextlib.suppress(ConnectionError):
                        await writer.wait_closed()
                finally:
                    writer.transport.abort()

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.ensure_future(life(reader, writer))
                peer.tasks.add(task)

            async def stop() -> None:
                server.close()
                for task in peer.tasks:
                    task.cancel()
                await asyncio.gather(*peer.tasks, return_exceptions=True)
                # The aborted transports close in the next rounds of the loop.
                await asyncio.sleep(0.01)

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            stack.push_async_callback(stop)
            peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return peer

        yield start
