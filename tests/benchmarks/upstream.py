"""A payments service that costs next to nothing: it answers each call as late as it is told, and counts.

The sandbox keeps books that tests judge by, which takes more CPU than a worker has for a call; on a machine that both
share it would be what is measured.
"""

import asyncio
import sys
from typing import Final, cast

import orjson
import uvloop

_HEAD_ENDS: Final = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One keep-alive connection: `POST …/refunds` is answered after the latency, `GET /count` at once."""

    count: int = 0

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, rest = self._received.partition(_HEAD_ENDS)
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
        if len(rest) < length:
            return
        self._received = rest[length:]
        if head.startswith(b"GET"):
            self._answer(b"200 OK", orjson.dumps({"count": Connection.count}))
        elif self._latency_seconds:
            asyncio.get_running_loop().call_later(self._latency_seconds, self._refund, rest[:length])
        else:
            self._refund(rest[:length])

    def _refund(self, body: bytes) -> None:
        Connection.count += 1
        asked = orjson.loads(body)
        refund = {"id": f"re_{Connection.count}", "status": "succeeded", **asked}
        self._answer(b"201 Created", orjson.dumps(refund))

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d" % (status, len(body))
        self._transport.write(head + _HEAD_ENDS + body)


async def serve(latency_seconds: float) -> None:
    """Listen on a free port of loopback and say which, until the process is ended."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(latency_seconds), "127.0.0.1", 0, backlog=1_000
    )
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1])))
