"""The sweep of an arq worker: a loop of its own.

arq's cron stops with Redis, and this must not. What the sweep finds, nobody has taken in time: the
prompt was lost, or somebody else took it. So it works on the first of it itself, and prompts for
the rest.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from app.refunds.runtime import SLICES_AT_ONCE, Runtime
from app.refunds.slices import recover
from app.refunds.slices.run import run_job

log = structlog.get_logger()

_OWN_SLICES: Final = 8


async def sweep_forever(runtime: Runtime) -> None:
    """Run what is due here, as far as there is room.

    Wake others for the rest, and run it here while Redis is away.
    """
    own: set[asyncio.Task[None]] = set()
    while not runtime.stopping.is_set():
        try:
            for job_id in await recover.due_jobs(runtime, limit=SLICES_AT_ONCE - len(own)):
                if len(own) >= _OWN_SLICES and await runtime.queue.wake(job_id):
                    continue
                task = asyncio.create_task(run_job(runtime, job_id))
                own.add(task)
                task.add_done_callback(own.discard)
                task.add_done_callback(partial(_log_done, job_id))
        except Exception as error:  # noqa: BLE001 - the worker's edge: a database that is away comes back
            log.warning("sweep.failed", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(runtime.stopping.wait(), runtime.settings.sweep_seconds)
    if own:
        await asyncio.wait(own)


def _log_done(job_id: str, _task: asyncio.Task[None]) -> None:
    log.info("sweep.ran_slice", job_id=job_id)
