"""A prompt for now is heard at once, by one worker; what is for later or named is left to arq."""

import asyncio
import datetime as dt
from functools import partial

import pytest

from app import services
from app.cancellation import accept, read
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.access import businesses
from app.db.core import changes
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.queue import ArqQueue
from app.refunds.runtime import Runtime
from app.schedule.load import import_file
from app.webhooks.prompts import DeliveryPrompter
from workers.tasks import run_job

DAY = dt.date(2027, 1, 4)
WEEK = [
    b'{"type":"client","id":"c","name":"Kim"}\n',
    b'{"type":"session","id":"s","name":"Yoga","starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n',
    b'{"type":"booking","id":"b","session_id":"s","client_id":"c","status":"waitlisted","payments":[]}\n',
]


def named(those, name):
    """The one service of that name."""
    [one] = [one for one in those if one.name == name]
    return one


@pytest.fixture
async def queue(redis_url):
    queue = ArqQueue(redis_url, namespace="ours")
    yield queue
    await queue.aclose()


async def test_one_of_those_who_wait_hears_a_prompt(queue):
    waiting = [asyncio.create_task(queue.pop(seconds=1)) for _ in range(2)]
    await asyncio.sleep(0.2)
    assert await queue.wake("job")
    assert sorted(await asyncio.gather(*waiting), key=str) == [None, "job"]


async def test_a_prompt_waits_for_somebody_to_listen(queue):
    await queue.wake("first")
    await queue.wake("second")
    assert [await queue.pop(seconds=1) for _ in range(2)] == ["first", "second"]


async def test_prompts_of_many_at_once_are_each_heard_once(queue):
    jobs = [f"job-{number}" for number in range(50)]
    assert all(await asyncio.gather(*map(queue.wake, jobs)))
    assert [await queue.pop(seconds=1) for _ in jobs] == jobs
    assert await queue.pop(seconds=1) is None


async def test_all_who_ring_at_once_are_told_that_redis_is_away():
    queue = ArqQueue("redis://127.0.0.1:1", namespace="ours")
    assert (
        await asyncio.gather(*(queue.wake(f"job-{number}") for number in range(5))) == [False] * 5
    )
    await queue.aclose()


async def test_one_who_gives_up_takes_no_other_prompt_along(queue):
    ringing = [asyncio.create_task(queue.wake(f"job-{number}")) for number in range(3)]
    await asyncio.sleep(0)
    ringing[0].cancel()
    assert await asyncio.gather(*ringing[1:]) == [True, True]
    assert {"job-1", "job-2"} <= {await queue.pop(seconds=1) for _ in range(3)}


@pytest.mark.parametrize(
    "how",
    [{"after_seconds": 5.0}, {"once": "slice-1"}, {"once": "helper-0-1", "extra_slice": True}],
)
async def test_prompts_for_later_or_with_a_name_are_not_heard(queue, how):
    assert await queue.wake("job", **how)
    assert await queue.pop(seconds=1) is None


async def test_who_commits_deliveries_prompts_a_process_that_delivers_and_rings_once_for_many(
    db, queue
):
    others = Database(str(db.engine.url.render_as_string(hide_password=False)))
    heard = asyncio.Event()
    others.listeners.of_deliveries.append(heard.set)
    worker = Runtime(others, queue, {}, Settings())
    hears = named(services.deliveries(worker), "delivery prompts")
    hearing = asyncio.create_task(services.keep_running(hears, worker.stopping))
    prompter = DeliveryPrompter(db, queue)
    async with db.write():
        changes.note_deliveries()
    async with asyncio.timeout(60):
        await heard.wait()
    worker.stopping.set()
    async with asyncio.timeout(60):
        await hearing
    for _ in range(50):
        prompter.prompt()
    assert await queue.pop_delivery_prompt(seconds=1)
    rung = 1
    while await queue.pop_delivery_prompt(seconds=1):
        rung += 1
    assert rung <= 2
    await others.close()


async def test_promptss_for_deliveries_that_nobody_hears_do_not_pile_up(queue):
    for _ in range(40):
        await queue.prompt_deliveries()
    rung = 0
    while await queue.pop_delivery_prompt(seconds=1):
        rung += 1
    assert rung == 16


async def test_a_worker_that_hears_of_a_job_runs_it_to_its_end(db, queue):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    assert not (await import_file(db, "studio", WEEK)).errors
    runtime = Runtime(db, queue, {}, Settings())
    run_slice = partial(run_job, {"runtime": runtime, "slices": set()})
    listens = named(services.refunds(runtime, run_slice), "prompts")
    listening = asyncio.create_task(services.keep_running(listens, runtime.stopping))
    request = {
        "business_id": "studio",
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    job_id = (await accept.accept(db, queue, **request, request=Request(DAY, DAY, "all"))).job.id
    async with asyncio.timeout(10):
        while (await read.one(db, "studio", job_id)).job.status != "completed":  # noqa: ASYNC110 - rows have no events
            await asyncio.sleep(0.02)
    runtime.stopping.set()
    async with asyncio.timeout(2):
        await listening
