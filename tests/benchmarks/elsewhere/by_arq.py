"""The refunds as one arq task each, with our HTTP client.

A row is written through SQLAlchemy before and after the call.
"""

import asyncio
from typing import Any, ClassVar

import rows
import uvloop
from arq.connections import RedisSettings, create_pool
from pyreqwest.client import ClientBuilder
from race import CREATED, given, race, request
from sqlalchemy.ext.asyncio import create_async_engine

# arq takes the event loop that it finds; ours runs on this one too.
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def refund(ctx: dict[str, Any], refund_id: str) -> None:
    async with ctx["engine"].begin() as conn:
        (await conn.execute(rows.submit, {"refund_id": refund_id})).one()
    call = ctx["http"].post(given().refunds_url).header("Idempotency-Key", refund_id)
    answer = await call.body_json(request(refund_id)).build().send()
    if answer.status != CREATED:
        raise RuntimeError(f"not a refund: {answer.status}")
    made = await answer.json()
    async with ctx["engine"].begin() as conn:
        await conn.execute(rows.succeed, {"refund_id": refund_id, "made": made["id"]})


async def startup(ctx: dict[str, Any]) -> None:
    ctx["engine"] = create_async_engine(rows.url("asyncpg"), pool_size=rows.POOL, max_overflow=0)
    ctx["http"] = ClientBuilder().no_proxy().build()


class Worker:
    """What arq's command line takes.

    Half a second between polls, its default, would leave slots empty.
    """

    functions: ClassVar = [refund]
    on_startup = startup
    redis_settings = RedisSettings.from_dsn(given().redis_url)
    max_jobs = given().concurrency
    poll_delay = 0.05
    keep_result = 0  # the row has the result


def enqueue(batch: str, count: int) -> None:
    ids = rows.create(batch, count)

    async def each() -> None:
        redis = await create_pool(Worker.redis_settings)
        for refund_id in ids:
            await redis.enqueue_job("refund", refund_id)
        await redis.aclose()

    asyncio.run(each())


if __name__ == "__main__":
    race(
        [["arq", "by_arq.Worker"]],
        packages=("arq", "redis", "asyncpg", "pyreqwest"),
        enqueue=enqueue,
        seconds=rows.seconds,
    )
