"""A payments service that costs next to nothing: it answers, counts, and errs if asked to.

It answers as late as it is told. The sandbox keeps books that tests judge by, which takes more CPU
than a worker has for a call; on a machine that both share it would be what is measured. Here a
refund is only remembered where its answer is kept from the caller.
"""

import asyncio
import random
import ssl
import sys
import time
from typing import Any, Final, cast
from urllib.parse import parse_qs

import orjson
import uvloop

_HEAD_ENDS: Final = b"\r\n\r\n"
_AGREES: Final = b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nContent-Length: 0\r\n\r\n"
_BEFORE: Final = ("drop_before", "throttle", "unavailable")  # nothing was done
_AFTER: Final = ("drop_after", "bad_gateway")  # it was made


class Service:
    """What all connections share: its latency, its faults and its bucket.

    Faults are shares of calls, by name.
    """

    def __init__(self, latency_seconds: float) -> None:
        self.latency_seconds = latency_seconds
        self.count = self.made = self.refused = 0
        self.unheard: dict[str, dict[str, Any]] = {}  # by reference: what was made and not told
        self.rate: float | None = None
        self.tokens = 0.0
        self.set({})

    def set(self, faults: dict[str, Any]) -> None:
        """From now on err like this; what is left out is off."""
        self.random = random.Random(1)
        self.chances = [(name, faults[name]) for name in (*_BEFORE, *_AFTER) if faults.get(name)]
        self.retry_after = faults.get("retry_after")
        before, self.rate = self.rate, faults.get("rate")
        # Full at first; one that changes holds what it held.
        self.tokens = (
            float(self.rate or 0) if before is None else min(self.tokens, self.rate or 0.0)
        )
        self.filled_at = time.monotonic()

    def trouble(self) -> str | None:
        """What goes wrong with this call."""
        if self.rate is not None:
            now = time.monotonic()
            self.tokens = min(float(self.rate), self.tokens + (now - self.filled_at) * self.rate)
            self.filled_at = now
            if self.tokens < 1:
                return "throttle"
            self.tokens -= 1
        return next((name for name, chance in self.chances if self.random.random() < chance), None)

    def counted(self) -> dict[str, float]:
        return {
            "count": self.count,
            "made": self.made,
            "refused": self.refused,
            "at": time.monotonic(),
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection.

    `POST …/refunds` is answered after the latency, as is a look-up; the rest at once. As a receiver
    of webhooks it agrees to any number of endpoints.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
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
        if head.startswith(b"GET /count"):
            self._answer(b"200 OK", self._service.counted())
        elif head.startswith(b"OPTIONS"):
            self._transport.write(_AGREES)
        elif head.startswith(b"PUT"):
            self._service.set(orjson.loads(rest[:length]))
            self._answer(b"200 OK", {})
        elif self._service.latency_seconds:
            asyncio.get_running_loop().call_later(
                self._service.latency_seconds, self._act, head, rest[:length]
            )
        else:
            self._act(head, rest[:length])

    def _act(self, head: bytes, body: bytes) -> None:
        service = self._service
        service.count += 1
        trouble = service.trouble() if service.chances or service.rate is not None else None
        if trouble == "throttle":
            service.refused += 1
            self._answer(b"429 Too Many Requests", {}, retry_after=service.retry_after)
        elif head.startswith(b"GET"):
            query = parse_qs(head.split(b" ", 2)[1].partition(b"?")[2].decode())
            made = service.unheard.get(query["reference"][0])
            self._answer(b"200 OK", {"data": [] if made is None else [made]})
        elif trouble == "unavailable":
            self._answer(b"503 Service Unavailable", {}, retry_after=service.retry_after)
        elif trouble == "drop_before":
            self._transport.abort()
        else:
            self._refund(orjson.loads(body), trouble)

    def _refund(self, asked: dict[str, Any], trouble: str | None) -> None:
        service = self._service
        # What is told of a refund here names no reference.
        service.made += asked.get("reference") not in service.unheard
        refund = {"id": f"re_{service.made}", "status": "succeeded", **asked}
        if trouble is None:
            self._answer(b"201 Created", refund)
            return
        service.unheard[asked["reference"]] = refund
        if trouble == "drop_after":
            self._transport.abort()
        else:
            self._answer(b"502 Bad Gateway", {})

    def _answer(
        self, status: bytes, document: dict[str, Any], *, retry_after: int | None = None
    ) -> None:
        body = orjson.dumps(document)
        asks = b"" if retry_after is None else b"\r\nRetry-After: %d" % retry_after
        head = b"HTTP/1.1 %s%s\r\nContent-Type: application/json\r\nContent-Length: %d" % (
            status,
            asks,
            len(body),
        )
        self._transport.write(head + _HEAD_ENDS + body)


async def serve(latency_seconds: float, *certificate: str) -> None:
    """Listen on a free port of loopback and say which, until the process is ended.

    By TLS with a chain and a key.
    """
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    service = Service(latency_seconds)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), "127.0.0.1", 0, backlog=1_000, ssl=tls
    )
    scheme, port = "https" if tls else "http", server.sockets[0].getsockname()[1]
    print(f"listening on {scheme}://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]), *sys.argv[2:]))
