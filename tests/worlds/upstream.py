"""The sandbox on a real socket, with its control desk."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import httpx
import uvicorn
from starlette.applications import Starlette


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
