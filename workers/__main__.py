"""`python -m workers`: a worker that outlives Redis. Its sweep always runs; arq beside it, whenever Redis is there.

arq's own worker ends when Redis is away for two seconds. Here that costs only the quick prompts: slices in hand go on,
and the sweep finds what is due from rows until Redis is back.
"""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
import uvloop
from arq.worker import Worker, create_worker

from app.cancellation.runtime import Runtime
from app.cancellation.verify import keep_checking
from app.config import settings
from app.webhooks.deliver import deliver_forever
from workers.bell import listen_forever
from workers.process import close_runtime, open_runtime, slices_ended
from workers.settings import WorkerSettings
from workers.sweep import sweep_forever

log = structlog.get_logger()

_PAUSE_SECONDS: Final = 2.0


async def work() -> None:
    """Serve until SIGTERM or SIGINT, then let the calls in flight end."""
    runtime = open_runtime(settings())
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, runtime.stopping.set)
    slices: set[asyncio.Task[None]] = set()
    context = {"runtime": runtime, "slices": slices}
    beside = asyncio.gather(
        sweep_forever(runtime),
        keep_checking(runtime),
        listen_forever(context),
        deliver_forever(runtime.db, runtime.settings, runtime.stopping),
    )
    log.info("worker.started")
    while not runtime.stopping.is_set():
        await _serve_arq(runtime, context, slices)
        await _first(runtime.stopping.wait(), asyncio.sleep(_PAUSE_SECONDS))
    await beside
    await close_runtime(runtime)
    log.info("worker.stopped")


async def _serve_arq(runtime: Runtime, context: dict[str, Any], slices: set[asyncio.Task[None]]) -> None:
    """Run arq until it ends by itself or the worker is told to stop; either way no slice is cut off."""
    worker: Worker = create_worker(WorkerSettings, ctx=context)  # type: ignore[arg-type]  # their protocol is private
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


if __name__ == "__main__":
    uvloop.run(work())
