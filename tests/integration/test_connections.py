"""Calls to peers that break every rule of a connection: what they heard decides."""

import asyncio
import contextlib
import socket
import time

import pytest
from worlds.patience import eventually
from worlds.peers import (
    answers_never,
    closes_after_reading,
    closes_at_once,
    resets_after_reading,
    resets_at_once,
)

from app.gateways.http import MAX_ANSWER_BYTES, Broken, HttpAnswer, NotSent, UpstreamClient

NEVER = 30  # far above every deadline here, so that a busy machine doesn't look like one that hangs


@contextlib.asynccontextmanager
async def pooled(url, *, connect_seconds=0.4, total_seconds=0.8, max_connections=64, token=None):
    upstream = UpstreamClient(
        url,
        token=token,
        connect_seconds=connect_seconds,
        total_seconds=total_seconds,
        max_connections=max_connections,
    )
    try:
        yield upstream
    finally:
        await upstream.aclose()


async def sends_half_a_head(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 201 Crea")
    await writer.drain()


async def sends_half_a_body(peer, reader, writer):
    await peer.read(reader)
    writer.write(b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":')
    await writer.drain()


async def sends_half_a_chunked_body(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    await writer.drain()


async def stalls_in_the_body(peer, reader, writer):
    await peer.read(reader)
    writer.write(b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":')
    await writer.drain()
    await reader.read()


async def drips_its_answer(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def speaks_no_http(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"220 smtp ready\r\n\r\n")
    await writer.drain()


async def sends_a_megabyte_of_headers(peer, reader, writer):
    await peer.read(reader)
    writer.write(b"HTTP/1.1 201 Created\r\nx: " + b"y" * 2**20 + b"\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "talk",
    [
        answers_never,
        closes_at_once,
        closes_after_reading,
        resets_after_reading,
        sends_half_a_head,
        sends_half_a_body,
        sends_half_a_chunked_body,
        stalls_in_the_body,
        drips_its_answer,
        speaks_no_http,
        sends_a_megabyte_of_headers,
    ],
)
async def test_once_a_connection_is_made_a_failure_is_broken_and_nothing_is_sent_twice(
    peer_on, talk
):
    peer = await peer_on(talk)
    async with pooled(peer.url) as upstream:
        began = time.monotonic()
        reply = await upstream.call("POST", "/refunds", json={"a": 1})
        assert time.monotonic() - began < NEVER
        assert isinstance(reply, Broken), reply
        assert peer.url not in reply.detail
        await asyncio.sleep(0.1)
        assert (peer.connections, len(peer.requests)) in {(1, 1), (1, 0)}


async def test_a_reset_before_anything_was_read_is_never_taken_for_an_answer(peer_on):
    peer = await peer_on(resets_at_once)
    async with pooled(peer.url) as upstream:
        # The reset is seen while connecting or after, as it happens: either word is true.
        for _ in range(20):
            assert isinstance(await upstream.call("POST", "/refunds", json={}), NotSent | Broken)
    assert peer.requests == []


async def test_a_refused_connection_is_not_sent():
    async with pooled("http://127.0.0.1:1") as upstream:
        assert isinstance(await upstream.call("POST", "/refunds", json={}), NotSent)


async def test_an_unknown_host_is_not_sent():
    async with pooled("http://upstream.invalid", total_seconds=5) as upstream:
        assert isinstance(await upstream.call("POST", "/refunds", json={}), NotSent)


async def test_a_connection_that_is_not_made_in_time_is_not_sent():
    with socket.socket() as full, contextlib.ExitStack() as queue:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        async with pooled(
            f"http://127.0.0.1:{full.getsockname()[1]}",
            connect_seconds=0.2,
            total_seconds=2 * NEVER,
        ) as upstream:
            began = time.monotonic()
            assert isinstance(await upstream.call("POST", "/refunds", json={}), NotSent)
            assert time.monotonic() - began < NEVER


async def test_a_tls_handshake_that_fails_is_not_sent(peer_on):
    peer = await peer_on(closes_at_once)
    async with pooled(peer.url.replace("http:", "https:")) as upstream:
        assert isinstance(await upstream.call("POST", "/refunds", json={}), NotSent)


async def test_a_call_that_gets_no_free_connection_is_not_sent(peer_on):
    given_up = asyncio.Event()

    async def answers_late(peer, reader, writer):
        await peer.read(reader)
        await given_up.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    peer = await peer_on(answers_late)
    async with pooled(peer.url, max_connections=1, total_seconds=0.5) as upstream:
        holds = asyncio.create_task(upstream.call("POST", "/x", json={}, seconds=NEVER))
        await eventually(lambda: len(peer.requests) == 1)
        assert isinstance(await upstream.call("POST", "/x", json={}), NotSent)
        given_up.set()
        assert isinstance(await holds, HttpAnswer)
        assert len(peer.requests) == 1


async def test_waiting_for_a_connection_is_within_the_deadline(peer_on):
    free = asyncio.Event()

    async def answers_once(peer, reader, writer):
        await peer.read(reader)
        await free.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await peer.read(reader)
        await asyncio.Event().wait()

    peer = await peer_on(answers_once)
    async with pooled(peer.url, max_connections=1, total_seconds=2) as upstream:
        holds = asyncio.create_task(upstream.call("POST", "/x", json={}, seconds=NEVER))
        await eventually(lambda: len(peer.requests) == 1)
        began = time.monotonic()
        asyncio.get_running_loop().call_later(1.6, free.set)
        assert isinstance(await upstream.call("POST", "/x", json={}), Broken)
        assert time.monotonic() - began < 1.6 + 1.9  # from the connection on it would be 1.6 + 2
        assert isinstance(await holds, HttpAnswer)


async def test_a_post_on_a_connection_that_dies_under_it_is_not_sent_again(peer_on):
    async def second_time_dies(peer, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await peer.read(reader)

    peer = await peer_on(second_time_dies)
    async with pooled(peer.url) as upstream:
        assert isinstance(await upstream.call("POST", "/x", json={}), HttpAnswer)
        assert isinstance(await upstream.call("POST", "/x", json={}), Broken)
        await asyncio.sleep(0.1)
        assert (peer.connections, len(peer.requests)) == (1, 2)


async def test_a_connection_closed_while_idle_costs_no_second_request(peer_on):
    async def closes_when_idle(peer, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    peer = await peer_on(closes_when_idle)
    async with pooled(peer.url) as upstream:
        answered = 0
        for _ in range(50):
            answered += isinstance(await upstream.call("POST", "/x", json={}), HttpAnswer)
        assert answered <= len(peer.requests) <= 50


async def test_a_redirect_is_not_followed(peer_on):
    async def redirects(peer, reader, writer):
        while True:
            await peer.read(reader)
            writer.write(b"HTTP/1.1 307 Go\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n")

    peer = await peer_on(redirects)
    async with pooled(peer.url) as upstream:
        reply = await upstream.call("POST", "/x", json={})
        assert isinstance(reply, HttpAnswer)
        assert (reply.status, len(peer.requests)) == (307, 1)


async def test_no_more_of_a_huge_answer_is_read_than_the_cap(peer_on):
    sent = 0

    async def floods(peer, reader, writer):
        nonlocal sent
        await peer.read(reader)
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            sent += 65536
            await writer.drain()

    peer = await peer_on(floods)
    async with pooled(peer.url) as upstream:
        reply = await upstream.call("POST", "/x", json={})
        assert isinstance(reply, HttpAnswer)
        assert len(reply.body) == MAX_ANSWER_BYTES + 1
        await asyncio.sleep(0.1)
        assert sent < 50_000_000


async def test_an_answer_is_not_decompressed(peer_on):
    async def claims_gzip(peer, reader, writer):
        assert b"accept-encoding" not in (await peer.read(reader)).lower()
        writer.write(
            b"HTTP/1.1 201 Created\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"
        )
        await writer.drain()

    peer = await peer_on(claims_gzip)
    async with pooled(peer.url) as upstream:
        reply = await upstream.call("POST", "/x", json={})
        assert isinstance(reply, HttpAnswer)
        assert reply.body == b"{}"


async def test_headers_that_are_no_text_are_left_out(peer_on):
    async def odd(peer, reader, writer):
        await peer.read(reader)
        writer.write(
            b"HTTP/1.1 429 Slow\r\nretry-after: \xff\xfe\r\nDate: z\r\ncontent-length: 0\r\n\r\n"
        )
        await writer.drain()

    peer = await peer_on(odd)
    async with pooled(peer.url) as upstream:
        reply = await upstream.call("POST", "/x", json={})
        assert isinstance(reply, HttpAnswer)
        assert dict(reply.headers) == {"date": "z"}


async def test_a_call_under_way_when_the_pool_closes_is_broken(peer_on):
    peer = await peer_on(answers_never)
    async with pooled(peer.url, total_seconds=5) as upstream:
        call = asyncio.create_task(upstream.call("POST", "/x", json={}))
        await asyncio.sleep(0.2)
        await upstream.aclose()
        assert isinstance(await call, Broken)
