"""One keep-alive HTTP/1.1 connection of nothing but sockets.

Such callers cost next to no CPU of their own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Connection:
    """To one server; calls on it take turns."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        """The status and the body of the answer; a header's name is written with `_` for `-`."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: application/json\r\n{lines}"
        )
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        return int(answer[9:12]), await self.reader.readexactly(length_in(answer))

    async def get(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """The status, the head and the body of the answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head[9:12]), head.decode(), await self.reader.readexactly(length_in(head))


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Connection]:
    """A connection to `http://host:port`, until the block ends."""
    host = address.removeprefix("http://")
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    try:
        yield Connection(reader, writer, host)
    finally:
        writer.close()


def length_in(head: bytes) -> int:
    """The body's length that a request's or an answer's head declares; 0 where it declares none."""
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0
