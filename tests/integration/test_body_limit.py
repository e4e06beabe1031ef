import asyncio
import contextlib
import json

import pytest
from worlds.queue import Unheard

from app.auth.keys import Scope, create_key
from app.config.settings import Settings
from app.db.access.businesses import create as create_business
from app.db.core.engine import Database
from app.main import create_app
from app.serving import served

LIMIT = 4096


@pytest.fixture
def settings():
    return Settings(body_limit_bytes=LIMIT)


@pytest.fixture
def parser():
    return "httptools"


@pytest.fixture
async def server(sqlite_url, settings, parser):
    """A real server: its address, the sizes of the bodies that reached a route, and a key."""
    db = Database(sqlite_url)
    app = create_app(settings, database=db, queue=Unheard())
    taken = []
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="EUR")
    key = await create_key(db, "studio", "desk", Scope)

    @app.post("/test/take")
    async def take(body: dict[str, str]) -> int:
        taken.append(sum(map(len, body.values())))
        return taken[-1]

    @app.post("/test/ignore")
    async def ignore() -> str:
        return "not read"

    async with served(app, parser=parser, silence_seconds=settings.silence_seconds) as address:
        host, port = address.removeprefix("http://").split(":")
        yield host, int(port), taken, key
    await db.close()


async def exchange(server, head, *parts):
    """Sends raw bytes and reads the whole answer: status, headers, body."""
    reader, writer = await asyncio.open_connection(*server[:2])
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n")
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    lines, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = lines.decode().split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in headers)
    return int(status.split()[1]), named, body


def post(path, *headers):
    return "\n".join(
        [
            f"POST {path} HTTP/1.1",
            "Host: test",
            "Content-Type: application/json",
            "Connection: close",
            *headers,
            "",
        ]
    )


def chunked(*parts):
    return [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts] + [b"0\r\n\r\n"]


def refused(answer):
    status, headers, body = answer
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    document = json.loads(body)
    assert (document["type"], document["limit_bytes"]) == ("/problems/body-too-large", LIMIT)
    return True


async def test_a_body_within_the_limit_is_taken(server):
    body = json.dumps({"a": "x" * 4000}).encode()
    status, _, _ = await exchange(server, post("/test/take", f"Content-Length: {len(body)}"), body)
    assert (status, server[2]) == (200, [4000])


async def test_a_declared_length_over_the_limit_is_refused_and_the_sender_reads_why(server):
    body = b'{"a": "' + b"x" * 30_000 + b'"}'
    assert refused(await exchange(server, post("/test/take", f"Content-Length: {len(body)}"), body))
    assert server[2] == []


async def test_a_chunked_body_is_refused_while_it_streams(server):
    parts = chunked(b'{"a": "', *[b"x" * 1000] * 20, b'"}')
    assert refused(await exchange(server, post("/test/take", "Transfer-Encoding: chunked"), *parts))
    assert server[2] == []


async def test_a_chunked_body_within_the_limit_is_taken(server):
    parts = chunked(b'{"a": "', *[b"x" * 1000] * 4, b'"}')
    status, _, _ = await exchange(server, post("/test/take", "Transfer-Encoding: chunked"), *parts)
    assert (status, server[2]) == (200, [4000])


async def test_a_sender_who_never_ends_is_answered_and_cut_off(server):
    reader, writer = await asyncio.open_connection(*server[:2])
    writer.write(
        post("/test/take", "Transfer-Encoding: chunked").replace("\n", "\r\n").encode() + b"\r\n"
    )
    writer.write(b"ffffff\r\n" + b"x" * (2 * LIMIT))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_sender_who_asks_first_is_told_before_it_sends(server):
    head = post("/test/take", "Content-Length: 1000000", "Expect: 100-continue")
    status, _, body = await exchange(server, head)
    assert status == 413
    assert json.loads(body)["status"] == 413


@pytest.mark.parametrize("path", ["/v1/schedule/import", "/v1/bulk-cancellations"])
async def test_a_stranger_is_told_so_before_they_send_anything_and_cut_off(server, path):
    head = post(path, "Content-Length: 1000", "Authorization: Bearer bck_none").replace(
        "Connection: close\n", ""
    )
    status, headers, body = await exchange(server, head)
    assert (status, headers["connection"]) == (401, "close")
    assert json.loads(body)["type"] == "/problems/unauthenticated"


async def test_a_stranger_who_sends_on_reads_why_they_are_refused(server):
    body = b"x" * (7 * LIMIT)
    status, _, _ = await exchange(
        server, post("/v1/schedule/import", f"Content-Length: {len(body)}"), body
    )
    assert status == 401


async def test_the_import_has_a_limit_of_its_own(server):
    body = b"x" * (2 * LIMIT)
    headers = (f"Content-Length: {len(body)}", f"Authorization: Bearer {server[3]}")
    status, _, _ = await exchange(server, post("/v1/schedule/import", *headers), body)
    assert status == 415


@pytest.mark.parametrize("settings", [Settings(silence_seconds=0.2)])
async def test_a_sender_who_falls_silent_is_told_so_and_cut_off(server, settings):
    status, headers, body = await exchange(
        server, post("/test/take", "Content-Length: 1000"), b'{"a": "'
    )
    assert (status, headers["connection"]) == (408, "close")
    assert json.loads(body)["type"] == "/problems/request-timeout"
    assert server[2] == []


@pytest.mark.parametrize("settings", [Settings(body_seconds=0.3)])
async def test_a_sender_who_drips_is_cut_off_when_the_time_for_a_body_is_over(server, settings):
    reader, writer = await asyncio.open_connection(*server[:2])
    writer.write(
        post("/test/take", "Content-Length: 1000000").replace("\n", "\r\n").encode() + b"\r\n"
    )
    answer = asyncio.create_task(reader.readuntil(b"\r\n"))
    while not answer.done():
        writer.write(b"x")
        await asyncio.wait([answer], timeout=0.01)
    assert (await answer).startswith(b"HTTP/1.1 408")
    writer.close()


@pytest.mark.parametrize("settings", [Settings(import_seconds=0.3)])
async def test_a_sender_of_an_import_has_a_limit_of_time_too(server, settings):
    headers = ("Content-Length: 1000", f"Authorization: Bearer {server[3]}")
    head = post("/v1/schedule/import", *headers).replace("/json", "/x-ndjson")
    status, _, _ = await exchange(server, head, b'{"type": ')
    assert status == 408


@pytest.mark.parametrize("settings", [Settings(silence_seconds=0.3)])
@pytest.mark.parametrize("parser", ["h11", "httptools"])
@pytest.mark.parametrize("begun", [b"", b"G", b"GET /livez HTTP/1.1\r\nHost: test\r\n"])
async def test_a_head_that_does_not_come_whole_in_time_ends_the_connection(
    server, settings, parser, begun
):
    reader, writer = await asyncio.open_connection(*server[:2])
    writer.write(begun)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


@pytest.mark.parametrize("settings", [Settings(silence_seconds=0.3)])
async def test_a_head_that_drips_ends_the_connection_too(server, settings):
    reader, writer = await asyncio.open_connection(*server[:2])
    ends = asyncio.create_task(reader.read())
    writer.write(b"GET /livez HTTP/1.1\r\n")
    while not ends.done():
        writer.write(b"a: b\r\n")
        await asyncio.wait([ends], timeout=0.02)
    with contextlib.suppress(ConnectionResetError):
        await ends
    writer.close()
