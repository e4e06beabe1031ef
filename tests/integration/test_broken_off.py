"""An answer that is not whole ends in a reset.

So it does over HTTP/1.0, where no length and no chunks would tell.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest

from app.serving import served

BLOCK = b"x" * 1_000_000
VERSIONS = ["1.0", "1.1"]
# What is killed in the middle of an answer: of a line and then nothing for ever, and of one that is
# all in its hands.
HALF = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from app.serving import address_of, listen, serve

async def lines():
    yield b"one\\n"
    await asyncio.Event().wait()

async def half(request):
    return StreamingResponse(lines(), media_type="text/csv")

async def large(request):
    return StreamingResponse(iter([b"one\\n" + b"x" * 16_000_000]), media_type="text/csv")

app = Starlette(routes=[Route("/", half), Route("/large", large)])
app.state.stopping = asyncio.Event()
listener = listen("127.0.0.1", 0)
print(address_of(listener), flush=True)
asyncio.run(serve(app, listener))
"""


def answering(chunks, error=None):
    """An app that sends these chunks and then fails, or ends without a last word.

    It ends well where `error` is False.
    """

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/csv")],
            }
        )
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if error is False:
            await send({"type": "http.response.body", "body": b"end", "more_body": False})
        elif error is not None:
            raise error

    return app


async def read(address, path="/", *, version, headers="", slowly=False):
    """(the bytes of an answer, whether the connection was reset)."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode()
    )
    received = b""
    try:
        while block := await reader.read(65536):
            received += block
            if slowly:
                await asyncio.sleep(0)
    except ConnectionResetError:
        return received, True
    finally:
        writer.close()
        with suppress(ConnectionResetError):
            await writer.wait_closed()
    return received, False


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("error", [None, RuntimeError("in the middle")])
async def test_an_answer_that_fails_in_the_middle_ends_in_a_reset(version, error):
    async with served(answering([b"one\n"], error), parser="h11") as address:
        received, reset = await read(address, version=version)
    assert reset
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("parser", ["h11", "httptools"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_whole_answer_arrives_whole_however_large_and_ends_as_usual(version, parser):
    async with served(answering([BLOCK] * 8, error=False), parser=parser) as address:
        received, reset = await read(address, version=version, slowly=True)
    assert not reset
    assert received.count(b"x") >= 8 * len(BLOCK)
    assert b"end" in received[-20:]


async def test_a_connection_is_used_again_after_a_whole_answer():
    async with (
        served(answering([b"one"], error=False), parser="h11") as address,
        httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=1)) as http,
    ):
        for _ in range(3):
            assert (await http.get(address)).content == b"oneend"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "number"), [("/", signal.SIGKILL), ("/", signal.SIGTERM), ("/large", signal.SIGKILL)]
)
async def test_a_process_that_is_killed_in_the_middle_of_an_answer_resets_it(path, version, number):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HALF, stdout=subprocess.PIPE
    )
    address = (await process.stdout.readline()).decode().strip()
    host, port = address.removeprefix("http://").split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as ours:
        # A small buffer: nearly all of the answer is still with the process.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours.connect((host, int(port)))
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=4096)
        writer.write(f"GET {path} HTTP/{version}\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"one\n")
        process.send_signal(number)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await process.wait()
        writer.close()


@pytest.mark.parametrize("parameter", ["--http1.0", "--http1.1"])
async def test_curl_says_that_half_an_answer_is_one(parameter):
    curl = shutil.which("curl")
    assert curl, "curl is among what the tests need (.ci/services)"
    async with served(answering([b"one\n"]), parser="h11") as address:
        process = await asyncio.create_subprocess_exec(
            curl, "-sS", parameter, address, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
    assert said == b"one\n"
    assert process.returncode != 0


async def test_httpx_says_that_half_an_answer_is_one():
    async with (
        served(answering([b"one\n"]), parser="h11") as address,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        with pytest.raises(httpx.TransportError):
            await http.get(address)
