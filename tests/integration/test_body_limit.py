import asyncio
import json

import pytest

from app.config import Settings
from app.db.engine import Database
from app.main import create_app
from app.serving import served

LIMIT = 4096


@pytest.fixture
async def server(sqlite_url):
    """A real server; `taken` collects the sizes of the bodies that reached a route."""
    settings = Settings(body_limit_bytes=LIMIT)
    db = Database(sqlite_url)
    app = create_app(settings, database=db, queue=QueueWithoutLoop())
    taken = []

    @app.post("/test/take")
    async def take(body: dict[str, str]) -> int:
        taken.append(sum(map(len, body.values())))
        return taken[-1]

    @app.post("/test/ignore")
    async def ignore() -> str:
        return "not read"

    async with served(app) as address:
        host, port = address.removeprefix("http://").split(":")
        yield host, int(port), taken
    await db.close()


class QueueWithoutLoop:
    async def wake(self, job_id, *, after_seconds=0.0):
        return True

    async def aclose(self):
        pass


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
        [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", "Connection: close", *headers, ""]
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
    writer.write(post("/test/take", "Transfer-Encoding: chunked").replace("\n", "\r\n").encode() + b"\r\n")
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


async def test_the_import_has_a_limit_of_its_own(server):
    body = b"x" * (2 * LIMIT)
    status, _, _ = await exchange(server, post("/v1/schedule/import", f"Content-Length: {len(body)}"), body)
    assert status != 413
