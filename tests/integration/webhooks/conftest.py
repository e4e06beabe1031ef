"""Endpoints whose every byte a test writes, on any loopback address and with TLS.

Certificates for them, too, receivers that only count and answer, and a studio that tells them what
happens.
"""

import asyncio
import contextlib
import datetime as dt
import inspect
import ipaddress
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from integration.cancellations.conftest import Desk, Prompts, stranger, studio  # noqa: F401 - fixtures

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.dialect import now
from app.db.webhook_tables import (
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
    webhook_secrets,
)
from app.db.webhooks.events import tell
from app.main import create_app
from app.webhooks.deliver import deliver_forever


@dataclass
class Peer:
    """One listener: what it has heard is the tests' oracle."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    tasks: set = field(default_factory=set)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.requests.append(head + body)
        return head + body


@pytest.fixture
async def peer_on():
    """Start peers: `await peer_on(talk, host=…, tls=…)`.

    `talk(peer, reader, writer)` is one connection's life.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(talk, *, host="127.0.0.1", port=0, tls=None) -> Peer:
            peer = Peer()

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

            async def stop() -> None:
                server.close()
                for task in peer.tasks:
                    task.cancel()
                await asyncio.gather(*peer.tasks, return_exceptions=True)
                # The aborted transports close in the next rounds of the loop.
                await asyncio.sleep(0.01)

            server = await asyncio.start_server(connected, host, port, ssl=tls)
            stack.push_async_callback(stop)
            peer.port = server.sockets[0].getsockname()[1]
            return peer

        yield start


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority that nobody trusts but who asks for `client_context`."""

    def __init__(self, folder) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = (
            self._draft(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def server_context(
        self,
        names: Iterable[str],
        *,
        asks_for_certificate: bool = False,
        as_rfc_5280_has_it: bool = True,
    ) -> ssl.SSLContext:
        """What a peer serves TLS with under these names.

        Unless `as_rfc_5280_has_it`, its certificate lacks the key identifiers that strict clients
        want.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = list(names)
        drafted = self._draft(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
            key,
            key_identifiers=as_rfc_5280_has_it,
        ).add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
        )
        certificate = drafted.sign(self._key, hashes.SHA256())
        path = self._folder / f"{names[0]}.pem".replace("*", "any").replace(":", "-")
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if asks_for_certificate:
            context.load_verify_locations(cadata=self._pem())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """What the product makes once per process, with this authority trusted as well.

        As strict as from Python 3.13 on.
        """
        context = ssl.create_default_context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=self._pem())
        return context

    def _pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, key_identifiers: bool = True
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        if not key_identifiers:
            return draft
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return draft.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        ).add_extension(of_authority, critical=False)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as a receiver has it."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self):
        return self.headers["webhook-id"]

    @property
    def type(self):
        return json.loads(self.body)["type"]


@dataclass
class Receiver:
    """An endpoint that answers as `reply` says.

    It is a status, one with headers and a body, or what gives either for a request.
    """

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    reply: object = 204

    async def talk(self, peer, reader, writer):
        while True:
            head, body = (await peer.read(reader)).split(b"\r\n\r\n", 1)
            lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
            one = Heard({name.lower(): value for name, value in lines}, body)
            self.heard.append(one)
            answer = self.reply(one) if callable(self.reply) else self.reply
            if inspect.isawaitable(answer):
                answer = await answer
            code, headers, content = (answer, {}, b"") if isinstance(answer, int) else answer
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            length = "" if code == 204 else f"Content-Length: {len(content)}\r\n"
            writer.write(f"HTTP/1.1 {code} As told\r\n{fields}{length}\r\n".encode() + content)
            await writer.drain()

    def ids(self):
        return [one.event_id for one in self.heard]

    def types(self):
        return Counter(one.type for one in self.heard)


@pytest.fixture
def receiving(peer_on):
    """Start receivers: `await receiving()`."""

    async def start(reply=204):
        receiver = Receiver(reply=reply)
        receiver.url = f"http://127.0.0.1:{(await peer_on(receiver.talk)).port}/hook"
        return receiver

    return start


@pytest.fixture
def settings(database_url, tmp_path):
    """Of an embedded process, which may send to this machine."""
    return Settings(
        database_url=database_url,
        secrets_file=tmp_path / "secrets.key",
        webhook_timeout_seconds=5,
        upstream_timeout_seconds=2,
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )


class Office(Desk):
    """A business's webhooks, managed over the API, and their rows.

    They are delivered by workers that run when told to.
    """

    def __init__(self, http, db, settings):
        super().__init__(http)
        self.db, self.settings = db, settings

    async def call(self, method, path, body=None, *, code=200):
        answer = await self.http.request(method, f"/v1/webhook-endpoints{path}", json=body)
        assert answer.status_code == code, answer.text
        return answer.json() if answer.content else None

    async def endpoint(self, url, **members):
        """Create one; gives its id and its secret."""
        return await self.call("POST", "", {"url": url} | members, code=201)

    async def change(self, endpoint, **members):
        return await self.call("PATCH", f"/{endpoint['id']}", members)

    async def shown(self, endpoint):
        return await self.call("GET", f"/{endpoint['id']}")

    async def test(self, endpoint):
        """Have a test event sent; gives its id."""
        return (await self.call("POST", f"/{endpoint['id']}/test", code=202))["event_id"]

    async def delivery(self, endpoint, event_id):
        return await self.call("GET", f"/{endpoint['id']}/deliveries/{event_id}")

    async def deliveries(self, endpoint):
        """By the event's id."""
        rows = await self.pages(f"/webhook-endpoints/{endpoint['id']}/deliveries", limit=200)
        return {row["event_id"]: row for row in rows}

    async def tell(self, events, *, business="studio"):
        """Write events as a step would that has done something; gives their ids."""
        async with self.db.write() as conn:
            return await tell(conn, business, events)

    async def events(self):
        """What has been told, whoever is to hear it, oldest first: the type and its data."""
        async with self.db.read() as conn:
            columns = (webhook_events.c.payload, webhook_events.c.business_id)
            rows = (await conn.execute(sa.select(*columns).order_by(webhook_events.c.id))).all()
        bodies = [json.loads(row.payload) for row in rows]
        assert [body["data"]["business_id"] for body in bodies] == [row.business_id for row in rows]
        return [(body["type"], body["data"]) for body in bodies]

    async def row(self, endpoint):
        async with self.db.read() as conn:
            query = sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint["id"])
            return (await conn.execute(query)).mappings().one()

    async def secrets(self, endpoint):
        """The endpoint's rows of secrets, the oldest first."""
        async with self.db.read() as conn:
            query = sa.select(webhook_secrets).where(
                webhook_secrets.c.endpoint_id == endpoint["id"]
            )
            return (await conn.execute(query.order_by(webhook_secrets.c.id))).mappings().all()

    async def set_secret(self, secret_id, **values):
        """Change a secret's row, as time would have done."""
        async with self.db.write() as conn:
            statement = sa.update(webhook_secrets).where(webhook_secrets.c.id == secret_id)
            await conn.execute(statement.values(**values))

    async def set(self, endpoint, **values):
        """Change the endpoint's row, as time would have done."""
        async with self.db.write() as conn:
            statement = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint["id"])
            await conn.execute(statement.values(**values))

    async def make_due(self):
        """Let as much time go by as makes all that is on its way due: leases end, too."""
        async with self.db.write() as conn:
            pending = webhook_deliveries.c.due_at.is_not(None)
            await conn.execute(sa.update(webhook_deliveries).where(pending).values(due_at=now()))

    async def is_due(self):
        async with self.db.read() as conn:
            query = sa.select(sa.exists().where(webhook_deliveries.c.due_at <= now()))
            return bool((await conn.execute(query)).scalar())

    @contextlib.asynccontextmanager
    async def worker(self, *, jitter=0.5, yields=lambda: False, **settings):
        """One that delivers, until the block ends; it looks at once and then every second."""
        stopping = asyncio.Event()
        changed = self.settings.model_copy(update=settings)
        task = asyncio.create_task(
            deliver_forever(self.db, changed, stopping, jitter=lambda: jitter, yields=yields)
        )
        try:
            yield task
        finally:
            stopping.set()
            async with asyncio.timeout(10):
                await task

    async def deliver(self, **settings):
        """A worker that ends once nothing is due: calls have a second to end, then."""
        async with self.worker(**settings):
            async with asyncio.timeout(20):
                while await self.is_due():  # noqa: ASYNC110 - a database has no event
                    await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def refusing(self, table, operation="INSERT", when="1 = 1"):
        """A database that refuses to write this table while the block runs."""
        trigger = f"CREATE TRIGGER refuse BEFORE {operation} ON {table} FOR EACH ROW WHEN"
        if self.db.is_postgresql:
            body = "LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END'"
            make = [
                f"CREATE FUNCTION refuse() RETURNS trigger {body}",
                f"{trigger} ({when}) EXECUTE FUNCTION refuse()",
            ]
            drop = ["DROP FUNCTION refuse CASCADE"]
        else:
            make = [f"{trigger} {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
            drop = ["DROP TRIGGER refuse"]
        await self._execute(make)
        try:
            yield
        finally:
            await self._execute(drop)

    async def _execute(self, statements):
        async with self.db.write() as conn:
            for statement in statements:
                await conn.execute(sa.text(statement))


@pytest.fixture
async def office(db, settings):
    """Of the business `studio`, with no schedule, no upstreams and no worker."""
    async with db.write() as conn:
        await create_business(
            conn, "studio", name="Studio", timezone="America/Toronto", currency="CAD"
        )
    headers = {"Authorization": f"Bearer {await create_key(db, 'studio', 'front desk', Scope)}"}
    app = create_app(settings, database=db, queue=Prompts())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://studio.test", headers=headers
    ) as http:
        yield Office(http, db, settings)


async def eventually(found, *, seconds=5.0):
    """Ask until the answer is true; gives the seconds that it took."""
    begun = time.monotonic()
    while True:
        answer = found()
        if await answer if inspect.isawaitable(answer) else answer:
            return time.monotonic() - begun
        assert time.monotonic() - begun < seconds, f"it did not happen within {seconds} s"
        await asyncio.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually():
    return eventually
