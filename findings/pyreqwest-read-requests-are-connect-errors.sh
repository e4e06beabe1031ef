#!/usr/bin/env bash
# pyreqwest 0.15.1, on CPython 3.11; seen 2026-11-29.
#
# Its exceptions are named as those of httpx, where ConnectError and ConnectTimeout mean that no request left: who refunds
# money may then send again. One would guess the same here. A server that has read the whole request and hangs up, or never
# answers, is reported by the same two classes as a port where nobody listens; only the list of causes tells them apart.
#
# Output seen:
SEEN='nobody listens: ConnectError, sent: no, first cause: client error (Connect)
read, then hung up: ConnectError, sent: yes, first cause: client error (SendRequest)
read, never answered: ConnectTimeoutError, sent: yes, first cause: operation timed out'
# What we do: app/gateways/http.py believes the cause "client error (Connect)" alone; all else may have arrived and is looked up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv client
client/bin/pip -q install pyreqwest==0.15.1 2>pip.log
cat >calls.py <<'END_OF_CALLS'
import asyncio
from datetime import timedelta

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError

arrived = []


async def read(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    arrived.append(head + await reader.readexactly(len(b"refund 20.00")))


async def hang_up(reader, writer):
    await read(reader)
    writer.close()


async def say_nothing(reader, writer):
    await read(reader)
    await reader.read()  # until the client gives up
    writer.close()


async def call(name, port):
    arrived.clear()
    async with ClientBuilder().timeout(timedelta(seconds=2)).build() as client:
        try:
            await client.post(f"http://127.0.0.1:{port}/refunds").body_text("refund 20.00").build().send()
        except PyreqwestError as error:
            causes = [cause["message"] for cause in error.details["causes"] or []]
            cause = next((c for c in causes if c.startswith("client error") or c == "operation timed out"), "none")
            print(f"{name}: {type(error).__name__}, sent: {'yes' if arrived else 'no'}, first cause: {cause}")


async def main():
    unused = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    nobody = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    await call("nobody listens", nobody)
    for name, answer in (("read, then hung up", hang_up), ("read, never answered", say_nothing)):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        await call(name, server.sockets[0].getsockname()[1])
        server.close()


asyncio.run(main())
END_OF_CALLS
client/bin/python calls.py | tee seen
diff seen <(echo "$SEEN")
