"""A prompt for now is heard at once, by one worker; what is for later or has a name is left to arq."""

import asyncio
import datetime as dt

import pytest

from app.cancellation import accept, read
from app.cancellation.request import Request
from app.cancellation.runtime import Runtime
from app.config import Settings
from app.db import businesses
from app.queue import ArqQueue
from app.schedule.load import import_file
from workers.bell import listen_forever

DAY = dt.date(2027, 1, 4)
WEEK = [
    b'{"type":"client","id":"c","name":"Kim"}\n',
    b'{"type":"session","id":"s","name":"Yoga","starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n',
    b'{"type":"booking","id":"b","session_id":"s","client_id":"c","status":"waitlisted","payments":[]}\n',
]


@pytest.fixture
async def queue(redis_url):
    queue = ArqQueue(redis_url)
    yield queue
    await queue.aclose()


async def test_one_of_those_who_wait_hears_a_prompt(queue):
    waiting = [asyncio.create_task(queue.hear(seconds=1)) for _ in range(2)]
    await asyncio.sleep(0.2)
    assert await queue.wake("job")
    assert sorted(await asyncio.gather(*waiting), key=str) == [None, "job"]


async def test_a_prompt_waits_for_somebody_to_listen(queue):
    await queue.wake("first")
    await queue.wake("second")
    assert [await queue.hear(seconds=1) for _ in range(2)] == ["first", "second"]


@pytest.mark.parametrize("how", [{"after_seconds": 5.0}, {"once": "slice-1"}, {"once": "helper-0-1", "helper": True}])
async def test_prompts_for_later_or_with_a_name_are_not_heard(queue, how):
    assert await queue.wake("job", **how)
    assert await queue.hear(seconds=1) is None


async def test_a_worker_that_hears_of_a_job_runs_it_to_its_end(db, queue):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    assert not (await import_file(db, "studio", WEEK)).errors
    runtime = Runtime(db, queue, {}, Settings())
    listening = asyncio.create_task(listen_forever({"runtime": runtime, "slices": set()}))
    named = {"business_id": "studio", "timezone": "UTC", "requested_by": "test", "idempotency_key": "k"}
    job_id = (await accept.accept(db, queue, **named, request=Request(DAY, DAY, "all"))).job["id"]
    async with asyncio.timeout(10):
        while (await read.one(db, "studio", job_id)).row["status"] != "completed":  # noqa: ASYNC110 - rows have no events
            await asyncio.sleep(0.02)
    runtime.stopping.set()
    async with asyncio.timeout(2):
        await listening
