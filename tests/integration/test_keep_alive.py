"""A connection on which nothing is asked is kept longer than proxies keep it, not for ever."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from worlds.small_apps import ok

from app.serving import served

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PARSERS = pytest.mark.parametrize("parser", ["h11", "httptools"])


@asynccontextmanager
async def connected(parser, **seconds):
    async with served(ok, parser=parser, **seconds) as address:
        host, port = address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        yield reader, writer
        writer.close()


async def asked(reader, writer):
    writer.write(ASK)
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"ok"


@PARSERS
async def test_a_connection_outlives_many_silences(parser):
    async with connected(parser, silence_seconds=0.1, keep_alive_seconds=600) as (reader, writer):
        for _ in range(2):
            await asked(reader, writer)
            await asyncio.sleep(0.6)
        await asked(reader, writer)


@PARSERS
@pytest.mark.parametrize("silence_seconds", [0.1, 600], ids=["many silences", "within one"])
async def test_a_connection_on_which_nothing_is_asked_ends(parser, silence_seconds):
    seconds = {"silence_seconds": silence_seconds, "keep_alive_seconds": 0.3}
    async with connected(parser, **seconds) as (reader, writer):
        await asked(reader, writer)
        assert await asyncio.wait_for(reader.read(), 60) == b""
