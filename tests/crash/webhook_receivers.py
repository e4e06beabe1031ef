"""Receivers of webhooks that keep books, as well or as badly behaved as a test says.

Each has a port of its own. The invariant: a call is in the books, with what is wrong with its
signature, before any of its answer is sent, and so is the answer's status. The books alone judge;
they live in the test's own process, which nothing kills.
"""

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(slots=True)
class Call:
    """One request, as it came; `answered`: the status that was sent, None where none was."""

    event_id: str
    body: bytes
    arrived_at: float  # seconds since 1970
    from_port: int
    wrong: str | None
    answered: int | None = None

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def delay_seconds(self) -> float:
        """From when the event says it happened to its arrival."""
        return self.arrived_at - dt.datetime.fromisoformat(self.event["timestamp"]).timestamp()


@dataclass(slots=True)
class Receiver:
    """An endpoint and its books; `behave` may be changed at any time."""

    behave: "Behaviour"
    url: str = ""
    secret: str = ""
    connections: int = 0
    calls: list[Call] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What came that is no webhook at all."""

    def ids(self, *, taken: bool = False) -> set[str]:
        """The events that it has heard of; `taken`: that it has answered 2xx."""
        return {
            call.event_id
            for call in list(self.calls)
            if not taken or (call.answered or 0) // 100 == 2
        }

    def wrongs(self) -> list[str]:
        return self.broken + [call.wrong for call in list(self.calls) if call.wrong]


_AGREES: Final = b"HTTP/1.1 200 OK\r\nwebhook-allowed-origin: *\r\ncontent-length: 0\r\n\r\n"

# What is done with a call that is in the books: says whether the connection is kept.
Behaviour = Callable[[Receiver, Call, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


def answers(status: int = 200, *head: str) -> Behaviour:
    async def behave(_receiver, call, _reader, writer) -> bool:
        return await _answer(call, writer, status, *head)

    return behave


def answers_after(seconds: float) -> Behaviour:
    async def behave(_receiver, call, _reader, writer) -> bool:
        await asyncio.sleep(seconds)
        return await _answer(call, writer, 200)

    return behave


def fails_for(seconds: float) -> Behaviour:
    """500 for so long after the first call, then 200."""
    until: list[float] = []

    async def behave(_receiver, call, _reader, writer) -> bool:
        until[:] = until or [time.monotonic() + seconds]
        return await _answer(call, writer, 500 if time.monotonic() < until[0] else 200)

    return behave


def gone_from(number: int) -> Behaviour:
    """410 from this call on."""

    async def behave(receiver, call, _reader, writer) -> bool:
        return await _answer(call, writer, 200 if len(receiver.calls) < number else 410)

    return behave


def drops() -> Behaviour:
    """Closes the connection without an answer, having noted the event."""

    async def behave(_receiver, _call, _reader, _writer) -> bool:
        return False

    return behave


def hangs(released: threading.Event | None = None) -> Behaviour:
    """Does not answer until the caller gives up, or all are `released`.

    Then 200, and the connection ends.
    """

    async def behave(_receiver, call, reader, writer) -> bool:
        given_up = asyncio.ensure_future(reader.read(1))
        while not given_up.done():
            if released is not None and released.is_set():
                given_up.cancel()
                await _answer(call, writer, 200)
                break
            await asyncio.wait([given_up], timeout=None if released is None else 0.1)
        return False

    return behave


def never_ends() -> Behaviour:
    """200, and a body without an end."""

    async def behave(_receiver, call, _reader, writer) -> bool:
        call.answered = 200
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()

    return behave


async def _answer(call: Call, writer: asyncio.StreamWriter, status: int, *head: str) -> bool:
    call.answered = status
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *head, "content-length: 2", "", "ok"]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return True


class Receivers:
    """A thread with a loop in which receivers live until `close`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._talks: set[asyncio.Task[None]] = set()
        self._bodies: dict[bytes, bytes] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, behave: Behaviour) -> Receiver:
        return self._run(self._start(behave))

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _start(self, behave: Behaviour) -> Receiver:
        receiver = Receiver(behave)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            receiver.connections += 1
            talk = self._loop.create_task(_talk(receiver, self._bodies, reader, writer))
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self._servers.append(server)
        port = server.sockets[0].getsockname()[1]
        receiver.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/hook"
        return receiver

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0.05)  # aborted transports close in the loop's next rounds


async def _talk(
    receiver: Receiver,
    bodies: dict[bytes, bytes],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One connection's life; `bodies` keeps what many are sent once."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, headers = _head(head)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if line == "OPTIONS /hook HTTP/1.1":  # whether there may be more endpoints here
                writer.write(_AGREES)
                continue
            if line != "POST /hook HTTP/1.1" or headers.get("content-type") != "application/json":
                receiver.broken.append(f"{line} with {headers.get('content-type')}")
            call = Call(
                event_id=headers.get("webhook-id", ""),
                body=bodies.setdefault(body, body),
                arrived_at=time.time(),
                from_port=writer.get_extra_info("peername")[1],
                wrong=_wrong(receiver.secret, headers, body),
            )
            receiver.calls.append(call)
            if not await receiver.behave(receiver, call, reader, writer):
                return
    except (OSError, asyncio.IncompleteReadError):  # the caller is gone, perhaps killed
        pass
    finally:
        writer.transport.abort()


_LINE_END: Final = "\r\n"


def _head(head: bytes) -> tuple[str, dict[str, str]]:
    line, *rest = head.decode("latin-1").rstrip(_LINE_END).split(_LINE_END)
    fields = (one.partition(":") for one in rest)
    return line, {name.lower(): value.strip() for name, _, value in fields}


def _wrong(secret: str, headers: dict[str, str], body: bytes) -> str | None:
    """What Standard Webhooks says against it, or None."""
    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def self_signed(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate of this machine's own that nobody trusts yet.

    Gives its file, and what serves with it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
