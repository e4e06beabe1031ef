"""`python -m workers`: a worker that outlives Redis.

Its sweep always runs; arq beside it, whenever Redis is there. With `--only refunds` or `--only
deliveries` it leaves the other to other workers; one that only delivers needs no arq. arq's own
worker ends when Redis is away for two seconds. Here that costs only the quick prompts: slices in
hand go on, and the sweep finds what is due from rows until Redis is back.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, get_args

import structlog
import uvloop
from arq.worker import Worker, create_worker

from app import services
from app.config.settings import WorkerPart
from app.domain.zones import RULES
from app.queue import ArqQueue
from app.refunds.runtime import Runtime
from app.services import Service
from app.webhooks.prompts import DeliveryPrompter
from workers.process import close_runtime, open_runtime, slices_ended, worker_settings
from workers.settings import WorkerSettings
from workers.tasks import run_job
from workers.watched import watched

log = structlog.get_logger()

_PAUSE_SECONDS: Final = 2.0  # until arq is started again
_NICE: Final = 10  # beside refunds on one machine, deliveries take what those leave


async def work(only: WorkerPart | None) -> None:
    """Serve until SIGTERM or SIGINT, then let the calls in flight end."""
    runtime = open_runtime(worker_settings())
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, runtime.stopping.set)
    log.info(
        "worker.started",
        only=only,
        namespace=runtime.settings.prompts_namespace,
        tzdata=RULES.release,
        tzdata_source=RULES.source,
    )
    if only == "refunds" and isinstance(runtime.queue, ArqQueue):
        DeliveryPrompter(runtime.db, runtime.queue)
    if only == "deliveries":
        os.nice(_NICE)
    async with watched(runtime):
        await services.run(_services(runtime, only), runtime.stopping)
    await close_runtime(runtime)
    log.info("worker.stopped")


def _services(runtime: Runtime, only: WorkerPart | None) -> list[Service]:
    match only:
        case "refunds":
            return _refunding(runtime)
        case "deliveries":
            return services.deliveries(runtime)
        case None:
            return [*_refunding(runtime), *services.deliveries(runtime)]


def _refunding(runtime: Runtime) -> list[Service]:
    slices: set[asyncio.Task[None]] = set()
    context = {"runtime": runtime, "slices": slices}
    arq = Service(
        "arq",
        partial(_serve_arq, runtime, context, slices),
        every_seconds=_PAUSE_SECONDS,
        failed="arq.failed",
    )
    return [arq, *services.refunds(runtime, partial(run_job, context))]


async def _serve_arq(
    runtime: Runtime, context: dict[str, Any], slices: set[asyncio.Task[None]]
) -> None:
    """Run arq until it ends by itself or the worker is told to stop.

    Either way no slice is cut off.
    """
    # arq's protocol of settings is private.
    worker: Worker = create_worker(WorkerSettings, ctx=context)  # type: ignore[arg-type]
    serving = asyncio.create_task(worker.async_run())
    await _first(asyncio.shield(serving), runtime.stopping.wait())
    if serving.done():
        log.warning("arq.ended", error=type(serving.exception()).__name__)
    await slices_ended(slices)
    serving.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await serving
    # Redis may be away, and arq's own tasks with it; nothing of ours is there.
    with suppress(asyncio.CancelledError, Exception):
        await worker.close()


async def _first(*waits: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def main() -> None:
    """Read what this worker is for, and work."""
    parser = argparse.ArgumentParser(prog="workers")
    parser.add_argument("--only", choices=get_args(WorkerPart))
    uvloop.run(work(parser.parse_args().only))


if __name__ == "__main__":
    main()
