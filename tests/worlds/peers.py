"""Peers whose every byte a test writes, and who remember what they heard."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field


@dataclass
class Peer:
    """One listener: what it has heard is the tests' oracle."""

    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    tasks: set = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.requests.append(head + body)
        return head + body


@contextlib.asynccontextmanager
async def listening(talk, *, host="127.0.0.1", port=0, tls=None):
    """A peer while the block runs: `talk(peer, reader, writer)` is one connection's life."""
    peer = Peer(host)

    async def life(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await talk(peer, reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        peer.tasks.add(asyncio.ensure_future(life(reader, writer)))

    server = await asyncio.start_server(connected, host, port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in peer.tasks:
            task.cancel()
        await asyncio.gather(*peer.tasks, return_exceptions=True)
        # The aborted transports close in the next rounds of the loop.
        await asyncio.sleep(0.01)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a dying process's system does: without a goodbye."""
    no_time = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_time)
    writer.transport.abort()


async def closes_at_once(_peer, _reader, writer):
    writer.close()


async def resets_at_once(_peer, _reader, writer):
    reset(writer)


async def closes_after_reading(peer, reader, _):
    await peer.read(reader)


async def resets_after_reading(peer, reader, writer):
    await peer.read(reader)
    reset(writer)


async def answers_never(peer, reader, _):
    await peer.read(reader)
    await reader.read()


async def hang(peer, reader, writer):
    """Take requests and never answer."""
    while True:
        await peer.read(reader)


def slow(seconds):
    async def talk(peer, reader, writer):
        while True:
            await peer.read(reader)
            await asyncio.sleep(seconds)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()

    return talk


def answering(*answers):
    """A peer that answers a connection's nth request with the nth answer, the last for ever."""

    async def talk(peer, reader, writer):
        left = list(answers)
        while True:
            await peer.read(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return talk
