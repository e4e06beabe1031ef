"""One attempt of a webhook against peers that mean harm, and what is kept of their answers.

What listeners hear decides.
"""

import asyncio
import gzip
import socket
from dataclasses import replace

import httpcore
import pytest
from integration.webhooks.attempts import OK, post_once, poster
from worlds.peers import (
    answering,
    answers_never,
    closes_after_reading,
    closes_at_once,
    resets_after_reading,
    resets_at_once,
)

from app.webhooks.send import MAX_ANSWER_BYTES, AttemptResult, DeliveryError


async def test_an_attempt_sends_the_bytes_as_they_are_and_tells_what_came(peer_on):
    peer = await peer_on(answering(OK))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/hooks?x=%20y")
    assert replace(posted, milliseconds=0) == AttemptResult(200, None, "ok", 0, None)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /hooks?x=%20y HTTP/1.1"
    assert sorted(fields) == [
        "Accept-Encoding: identity",
        "Content-Length: 7",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{peer.port}",
        "User-Agent: bulk-cancel",
        "webhook-id: msg_1",
    ]


async def test_connections_are_kept_and_never_more_than_may_be(peer_on):
    peer = await peer_on(answering(OK))
    async with poster(most_connections=2) as made:
        url = f"http://127.0.0.1:{peer.port}/"
        assert {(await made.post(url, {}, b"{}")).status for _ in range(3)} == {200}
        assert peer.connections == 1
        assert {
            posted.status
            for posted in await asyncio.gather(*(made.post(url, {}, b"{}") for _ in range(20)))
        } == {200}
    assert peer.connections == 2
    assert len(peer.requests) == 23


def saying(answer):
    async def talk(peer, reader, writer):
        await peer.read(reader)
        writer.write(answer)
        await writer.drain()

    return talk


def repeating(beginning, part):
    async def talk(peer, reader, writer):
        await peer.read(reader)
        writer.write(beginning)
        await asyncio.sleep(0.05)  # so that what is read does not end where the limit does
        while True:
            writer.write(part)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        closes_at_once,
        resets_at_once,
        closes_after_reading,
        resets_after_reading,
        saying(b"HTTP/1.1 20"),
        saying(b"220 smtp ready\r\n\r\n"),
        saying(b"HTTP/1.1 abc OK\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nx y: z\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"),
        saying(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        ),
        saying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        saying(b"\x00" * 1000),
        saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2**20 + b"\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n"),
        repeating(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_a_peer_that_gives_no_status_is_broken_and_raises_nothing(peer_on, talk):
    peer = await peer_on(talk)
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.error, posted.response) == (None, DeliveryError.BROKEN, None)
    assert posted.milliseconds < 4000


async def test_where_nothing_listens_there_is_no_connection():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        posted = await post_once(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert (posted.status, posted.error) == (None, DeliveryError.NO_CONNECTION)


async def never_reads(_peer, reader, _):
    reader._transport.pause_reading()
    await asyncio.sleep(30)


async def drips_its_head(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("talk", [answers_never, never_reads, drips_its_head])
async def test_a_peer_that_gives_no_status_in_time_has_timed_out(peer_on, talk):
    peer = await peer_on(talk)
    async with poster(total_seconds=0.4) as made:
        posted = await made.post(
            f"http://127.0.0.1:{peer.port}/", {}, b"x" * 2**24 if talk is never_reads else b"{}"
        )
    assert (posted.status, posted.error, posted.response) == (None, DeliveryError.TIMED_OUT, None)
    assert 390 <= posted.milliseconds < 2000


async def drips_its_body(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\nretry-after: 7\r\n\r\n")
    while True:
        writer.write(b"z")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_a_status_that_came_counts_though_the_answer_never_ends(peer_on):
    peer = await peer_on(drips_its_body)
    posted = await post_once(f"http://127.0.0.1:{peer.port}/", total_seconds=0.4)
    assert (posted.status, posted.error, posted.retry_after_seconds) == (202, None, 7.0)
    assert posted.response
    assert set(posted.response) == {"z"}
    assert 390 <= posted.milliseconds < 2000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    ],
)
async def test_a_status_that_came_counts_though_the_answer_breaks_off(peer_on, answer):
    peer = await peer_on(saying(answer))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.error, posted.response) == (202, None, "half")


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"content-length: 99999999999\r\n", b"x" * 65536),
        (b"connection: close\r\n", b"x" * 65536),
        (b"transfer-encoding: chunked\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"transfer-encoding: chunked\r\n", b"1\r\nx\r\n" * 4096),
    ],
)
async def test_an_endless_answer_is_read_for_a_while_and_its_connection_dropped(
    peer_on, head, part
):
    peer = await peer_on(repeating(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", part))
    async with poster(most_connections=1) as made:
        for connections in (1, 2):
            posted = await made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}")
            assert (posted.status, posted.error, posted.response) == (200, None, "x" * 1024)
            assert posted.milliseconds < 4000
            assert peer.connections == connections


@pytest.mark.parametrize(("beyond", "connections"), [(0, 1), (1, 2)])
async def test_an_answer_is_read_to_its_end_up_to_64_kib_and_no_byte_further(
    peer_on, beyond, connections
):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
    length = MAX_ANSWER_BYTES - len(head % 12345) + beyond
    peer = await peer_on(answering(head % length + b"x" * length))
    async with poster(most_connections=1) as made:
        for _ in range(2):
            assert (await made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}")).status == 200
    assert peer.connections == connections


async def test_a_compressed_answer_is_not_unpacked(peer_on):
    bomb = gzip.compress(b"\0" * 2**25)[:30_000]
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
    peer = await peer_on(answering(head.encode() + bomb))
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert posted.response == bomb[:1024].decode(errors="replace").replace("\0", "")


async def test_what_an_answer_says_is_kept_as_text_that_a_database_takes(peer_on):
    said = b"\xff\x00caf\xc3\xa9\x00" + b"\xed\xa0\x80"
    peer = await peer_on(
        answering(b"HTTP/1.1 500 No\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
    )
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.response) == (500, "\ufffdcaf\u00e9\ufffd\ufffd\ufffd")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 120", 120.0),
        ("retry-after: 99999999", 86_400.0),
        ("Retry-After: Mon, 23 Nov 2026 12:01:00 GMT", 60.0),
        ("Retry-After: Mon, 23 Nov 2026 12:01:00 GMT\r\nDate: Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Retry-After: Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Retry-After: -1", None),
        ("Retry-After: soon", None),
        ("Retry-After: 1e9", None),
        ("Retry-After: nan", None),
        ("Retry-After: " + "9" * 400, None),
        ("Retry-After: Mon, 99 Foo 99999 99:99:99 +9999", None),
        ("Retry-After: \xb2\xff", None),
        ("Retry-After:", None),
        ("X: 1", None),
    ],
)
async def test_retry_after_is_understood_and_nonsense_is_none(peer_on, headers, seconds):
    peer = await peer_on(
        answering(f"HTTP/1.1 503 No\r\n{headers}\r\ncontent-length: 0\r\n\r\n".encode("latin-1"))
    )
    posted = await post_once(f"http://127.0.0.1:{peer.port}/")
    assert (posted.status, posted.retry_after_seconds) == (503, seconds)


async def test_a_cancelled_attempt_is_cancelled_and_leaves_its_place_to_the_next(peer_on):
    async def answers_second(peer, reader, writer):
        await peer.read(reader)
        if peer.connections == 1:
            await reader.read()
        writer.write(OK)
        await writer.drain()

    peer = await peer_on(answers_second)
    async with poster(most_connections=1) as made:
        url = f"http://127.0.0.1:{peer.port}/"
        attempt = asyncio.create_task(made.post(url, {}, b"{}"))
        while not peer.requests:  # noqa: ASYNC110 - the peer has a list and no event
            await asyncio.sleep(0.01)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert (await made.post(url, {}, b"{}")).status == 200


async def test_closing_breaks_attempts_under_way_off(peer_on):
    peer = await peer_on(answers_never)
    async with poster() as made:
        attempt = asyncio.create_task(made.post(f"http://127.0.0.1:{peer.port}/", {}, b"{}"))
        while not peer.requests:  # noqa: ASYNC110 - the peer has a list and no event
            await asyncio.sleep(0.01)
        await made.aclose()
        assert (await attempt).error is DeliveryError.BROKEN


async def test_a_header_that_cannot_be_sent_is_the_callers_mistake(peer_on):
    peer = await peer_on(answering(OK))
    async with poster() as made:
        with pytest.raises(httpcore.LocalProtocolError):
            await made.post(f"http://127.0.0.1:{peer.port}/", {"x": "a\r\nb: c"}, b"{}")
    assert peer.requests == []
