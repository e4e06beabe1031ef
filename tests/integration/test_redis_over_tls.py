"""Redis over TLS (`rediss://`), and the names and passwords in its URL."""

import asyncio
import datetime as dt
import ssl
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.queue import ArqQueue, redis_settings
from app.rates import Buckets, Quota

JOB = "019aab00-0000-7000-8000-000000000001"


def certificate(host: str, folder) -> ssl.SSLContext:
    """Of a server named `host`, which vouches for itself; it is in `folder`/certificate.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.fixture
async def over_tls(redis_url, tmp_path, monkeypatch):
    """Serve the real Redis over TLS as `host`, whose certificate this process trusts.

    Gives the URL, and what came.
    """
    redis = urlsplit(redis_url)
    servers = []
    came = bytearray()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65_536)
        came.extend(first)
        from_redis, to_redis = await asyncio.open_connection(redis.hostname, redis.port)
        to_redis.write(first)
        await asyncio.gather(
            copy(reader, to_redis), copy(from_redis, writer), return_exceptions=True
        )

    async def serve(host: str) -> tuple[str, bytearray]:
        server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=certificate(host, tmp_path))
        servers.append(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        return f"rediss://localhost:{server.sockets[0].getsockname()[1]}{redis.path}", came

    yield serve
    for server in servers:
        server.close()


the_host_or_another = pytest.mark.parametrize(
    ("host", "is_spoken_to"), [("localhost", True), ("somebody.else.example", False)]
)


@the_host_or_another
async def test_prompts_go_only_to_a_redis_whose_certificate_is_the_host_s(
    over_tls, host, is_spoken_to
):
    url, came = await over_tls(host)
    queue = ArqQueue(url, namespace="tls")
    assert await queue.wake(JOB) is is_spoken_to
    await queue.aclose()
    assert bool(came) is is_spoken_to


@the_host_or_another
async def test_requests_are_counted_only_by_a_redis_whose_certificate_is_the_host_s(
    over_tls, host, is_spoken_to
):
    url, came = await over_tls(host)
    buckets = Buckets(url, namespace="tls")
    assert await buckets.take(Quota("key", 1, 10), "one") == 0  # in memory, if not there
    await buckets.aclose()
    assert bool(came) is is_spoken_to


@pytest.mark.parametrize(
    ("url", "username", "password"),
    [
        ("redis://bulk%2Fcancel:p%40ss%25@host/1", "bulk/cancel", "p@ss%"),
        ("rediss://:p%40ss@host", None, "p@ss"),
        ("redis://bulk@host", "bulk", None),
        ("unix://bulk:p%3Ass@/run/redis.sock", "bulk", "p:ss"),
        ("redis://host", None, None),
    ],
)
def test_names_and_passwords_are_decoded(url, username, password):
    settings = redis_settings(url)
    assert (settings.username, settings.password) == (username, password)
