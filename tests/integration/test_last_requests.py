"""A process that is told to end answers what is on its way to it, whoever had connected by then."""

import asyncio
import socket
from contextlib import asynccontextmanager, closing, suppress

import pytest
from worlds.small_apps import ok

from app.serving import Server, listen

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PARSERS = pytest.mark.parametrize("parser", ["h11", "httptools"])


class Told(Server):
    """One that is told to end by an event."""

    def __init__(self, parser, last_seconds) -> None:
        seconds = {"last_seconds": last_seconds}
        super().__init__(
            ok, stopping=asyncio.Event(), heeds_signals=False, parser=parser, **seconds
        )
        self.listener = listen("127.0.0.1", 0)
        self.address = self.listener.getsockname()
        self.at_work, self.told = asyncio.Event(), asyncio.Event()

    async def main_loop(self) -> None:
        self.at_work.set()
        await self.told.wait()


@asynccontextmanager
async def running(parser, last_seconds):
    """A server at work, and its run, which ends when it is told to."""
    server = Told(parser, last_seconds)
    run = asyncio.create_task(server.serve([server.listener]))
    await server.at_work.wait()
    yield server, run
    server.told.set()
    await run


async def listens_no_more(address):
    with suppress(ConnectionError):
        while True:
            _, writer = await asyncio.open_connection(*address)
            writer.close()
            await asyncio.sleep(0.01)


async def asked(reader, writer) -> bytes:
    writer.write(ASK)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    assert await reader.readexactly(2) == b"ok"
    return head.lower()


@PARSERS
async def test_who_has_connected_may_ask_once_more_and_is_told_that_it_is_the_last(parser):
    async with running(parser, last_seconds=60) as (server, run):
        silent = await asyncio.open_connection(*server.address)
        served = await asyncio.open_connection(*server.address)
        assert b"connection: close" not in await asked(*served)
        server.told.set()
        await listens_no_more(server.address)
        for reader, writer in (silent, served):
            assert b"connection: close" in await asked(reader, writer)
            assert await reader.read() == b""
            writer.close()
        await run


@PARSERS
async def test_who_asks_nothing_is_not_waited_for(parser):
    async with running(parser, last_seconds=0.1) as (server, run):
        silent = await asyncio.open_connection(*server.address)
        served = await asyncio.open_connection(*server.address)
        await asked(*served)
        server.told.set()
        await run
        for reader, writer in (silent, served):
            assert await reader.read() == b""
            writer.close()


class Busy(Told):
    """Somebody connects and asks in the moment before it closes its listener."""

    async def main_loop(self) -> None:
        self.theirs = socket.create_connection(self.address)
        self.theirs.sendall(ASK)


@PARSERS
async def test_who_has_connected_and_was_not_let_in_yet_is_answered(parser):
    server = Busy(parser, last_seconds=60)
    await server.serve([server.listener])
    with closing(server.theirs) as theirs:
        assert theirs.recv(12) == b"HTTP/1.1 200"
