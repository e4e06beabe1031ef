"""The sweep of an arq worker.

arq's cron stops with Redis, and this must not. What the sweep finds, nobody has taken in time: the
prompt was lost, or somebody else took it. So it works on the first of it itself, and prompts for
the rest.
"""

import asyncio
from functools import partial
from typing import Final

import structlog

from app.refunds.runtime import SLICES_AT_ONCE, Runtime
from app.refunds.slices import recover
from app.refunds.slices.run import run_job

log = structlog.get_logger()

_OWN_SLICES: Final = 8


async def run_due(runtime: Runtime, own: set[asyncio.Task[None]]) -> None:
    """Begin what is due here, as far as there is room.

    Wake others for the rest, and run it here while Redis is away. `own` are the slices that
    sweeps have begun: new ones are added.
    """
    for job_id in await recover.due_jobs(runtime, limit=SLICES_AT_ONCE - len(own)):
        if len(own) >= _OWN_SLICES and await runtime.queue.wake(job_id):
            continue
        task = asyncio.create_task(run_job(runtime, job_id))
        own.add(task)
        task.add_done_callback(own.discard)
        task.add_done_callback(partial(_log_done, job_id))


def _log_done(job_id: str, _task: asyncio.Task[None]) -> None:
    log.info("sweep.ran_slice", job_id=job_id)
