"""`python -m benchmarks.worst_key ADDRESS KEY`: does with one key what may hold up others.

It goes on until it is ended. Once it has begun it says so, and `failed` for every answer of 500 and
more.
"""

import asyncio
import gzip
import itertools
import sys
from collections.abc import AsyncIterator
from typing import Final

import httpx
from benchmarks import schedule

_STREAMS: Final = 2_500
_AT_ONCE: Final = 4


async def main(address: str, key: str) -> None:
    """Everything at once, each kind by a few tasks."""
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=60, limits=limits
    ) as http:
        job = await _job(http)
        kinds = [_read_slowly(http, job), _send_bodies(http), _send_gzips(http)]
        kinds += [_ask(http) for _ in range(_AT_ONCE)]
        print("at its worst", flush=True)
        await asyncio.gather(*kinds)


async def _job(http: httpx.AsyncClient) -> str:
    body = {
        "date_from": str(schedule.DAY),
        "date_to": str(schedule.DAY),
        "session_ids": "all",
        "hold_seconds": 86_400,
    }
    answer = await http.post(
        "/v1/bulk-cancellations", json=body, headers={"Idempotency-Key": "one"}
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def _note(answer: httpx.Response) -> None:
    if answer.is_server_error:
        print(f"failed: {answer.status_code} {answer.request.url.path}", flush=True)


async def _read_slowly(http: httpx.AsyncClient, job: str) -> None:
    """As many streams as are let in, of which nothing is read; then more and more are asked for."""
    paths = itertools.cycle(
        f"/v1/bulk-cancellations/{job}/{of}" for of in ("audit.csv", "events", "audit.csv?follow=1")
    )
    opened = []
    for path in itertools.islice(paths, _STREAMS):
        answer = await http.send(http.build_request("GET", path), stream=True)
        _note(answer)
        opened.append(answer)
        if answer.status_code != httpx.codes.OK:
            await answer.aclose()
            await asyncio.sleep(0.01)
    await asyncio.sleep(3600)


async def _send_bodies(http: httpx.AsyncClient) -> None:
    members = ",".join(f'"{number:x}":1' for number in range(190_000))
    hostile = [
        f"{{{members}}}",
        f'{{"ids":[{"[]," * 600_000}[]]}}',
        f'{{"session_ids":[{"1," * 9_000}1]}}',
    ]
    for body in itertools.cycle(hostile):
        _note(
            await http.post(
                "/v1/bulk-cancellations",
                content=body.encode(),
                headers={"Content-Type": "application/json"},
            )
        )


async def _send_gzips(http: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * (256 * 1024 * 1024))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    while True:
        _note(await http.post("/v1/schedule/import", content=_parts(bomb), headers=headers))


async def _parts(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _ask(http: httpx.AsyncClient) -> None:
    while True:
        _note(await http.get(f"/v1/sessions?date_from={schedule.DAY}&date_to={schedule.DAY}"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
