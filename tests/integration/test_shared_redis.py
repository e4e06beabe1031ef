"""One Redis may serve others: another application of arq's, and another installation of ours."""

import asyncio
import datetime as dt

import pytest
from arq.connections import ArqRedis, create_pool
from arq.worker import Worker, func

from app.cancellation import accept, read
from app.cancellation.request import Request
from app.config.settings import Settings
from app.db.access import businesses
from app.domain.nouns.administration import COMMAND
from app.queue import RUN_JOB, ArqQueue, deserialize, queue_name, redis_settings, serialize
from app.refunds.runtime import Runtime
from app.refunds.slices.run import run_slice
from app.refunds.slices.sweep import run_due
from app.schedule.load import import_file

DAY = dt.date(2027, 1, 4)
WEEK = [
    b'{"type":"client","id":"c","name":"Kim"}\n',
    b'{"type":"session","id":"s","name":"Yoga","starts_at":"2027-01-04T09:00:00Z","ends_at":"2027-01-04T10:00:00Z"}\n',
    b'{"type":"booking","id":"b","session_id":"s","client_id":"c","status":"booked","payments":[]}\n',
]
JOB = "019aab00-0000-7000-8000-000000000001"


@pytest.fixture
async def installations(redis_url):
    """The queues of two installations that share a Redis, as their settings make them."""
    settings = [
        Settings(database_url=f"postgresql://u@{host}/bulk_cancel", redis_url=redis_url)
        for host in "ab"
    ]
    queues = [ArqQueue(redis_url, namespace=one.prompts_namespace) for one in settings]
    yield queues
    for queue in queues:
        await queue.aclose()


@pytest.fixture
async def redis(redis_url):
    redis = await create_pool(redis_settings(redis_url))
    yield redis
    await redis.aclose()


async def test_installations_do_not_take_each_others_prompts(installations, redis: ArqRedis):
    ours, theirs = installations
    assert await ours.wake(JOB)
    assert await ours.wake(JOB, once="slice-1")
    assert await theirs.wake(JOB, once="slice-1")
    assert await theirs.pop(seconds=1) is None
    assert await ours.pop(seconds=1) == JOB
    # Of one name there is one prompt in an installation, and another's of the same name is not in
    # its way.
    waiting = {key.decode(): await redis.zcard(key) for key in await redis.keys("*:queue")}
    assert sorted(waiting.values()) == [1, 1]
    assert await redis.exists("arq:queue") == 0


async def test_another_application_s_jobs_are_left_alone(installations, redis: ArqRedis):
    ours, _ = installations
    await redis.enqueue_job("theirs", 1, _job_id="theirs-1")
    await ours.wake(JOB, once="slice-1")
    ran = []

    async def run_job(_ctx, job_id):
        ran.append(job_id)

    worker = Worker(
        [func(run_job, name=RUN_JOB)],
        redis_pool=redis,
        queue_name=queue_name(ours._namespace),
        burst=True,
        handle_signals=False,
        poll_delay=0.01,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
    await worker.main()
    assert ran == [JOB]
    assert await redis.exists("arq:job:theirs-1") == 1
    assert [one.function for one in await redis.queued_jobs()] == ["theirs"]


def test_a_namespace_is_the_database_s_unless_it_is_set():
    def of(**settings):
        return Settings(**settings).prompts_namespace

    one = of(database_url="postgresql://u:p@h/db")
    assert of(database_url="postgresql+asyncpg://v:q@h/db?sslmode=require") == one
    assert of(database_url="postgresql://u:p@h/other") != one
    assert of(database_url="postgresql://u:p@g/db") != one
    assert of(database_url="postgresql://u:p@h:6432/db") != one
    assert of(database_url="postgresql://u:p@h/db", redis_namespace="studio") == "studio"


class Thief:
    """A queue whose every prompt is taken by somebody who does nothing with it."""

    reaches_others = True

    async def wake(self, job_id, *, after_seconds=0.0, once=None, extra_slice=False):
        return True

    async def aclose(self):
        pass


async def test_the_sweep_works_on_what_it_finds_though_its_prompts_are_taken(db):
    async with db.write() as conn:
        await businesses.create(conn, "studio", "Studio", "UTC", "EUR")
    assert not (await import_file(db, "studio", WEEK)).errors
    runtime = Runtime(db, Thief(), {}, Settings(sweep_seconds=0.2))
    named = {
        "business_id": "studio",
        "timezone": "UTC",
        "requested_by": COMMAND,
        "idempotency_key": "k",
    }
    job_id = (
        await accept.accept(db, runtime.queue, **named, request=Request(DAY, DAY, "all"))
    ).job.id
    own = set()
    async with asyncio.timeout(20):
        while (await read.one(db, "studio", job_id)).job.status != "completed":
            await run_due(runtime, own)
            await asyncio.sleep(0.02)
    await asyncio.gather(*own)


async def test_a_prompt_for_a_job_that_is_not_here_is_logged_and_harmless(db, capfd):
    assert await run_slice(Runtime(db, Thief(), {}, Settings()), JOB, seconds=1) is None
    assert "job.unknown" in capfd.readouterr().err
