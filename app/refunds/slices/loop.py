"""A round of a process without Redis: slices of due jobs, side by side.

It runs the same functions as the arq worker; only the prompting differs.
"""

import asyncio
from asyncio import Task
from functools import partial

from app.queue import LocalQueue
from app.refunds.runtime import SLICES_AT_ONCE, Runtime
from app.refunds.slices import recover
from app.refunds.slices.run import run_job

_MIN_PAUSE_SECONDS = 0.05


async def start_due(
    runtime: Runtime, queue: LocalQueue, running: dict[Task[None], str]
) -> float | None:
    """Start jobs that a slice was asked for, and then those due by the database.

    The longest due come first. Returns the seconds until there may be more; None: a sweep's time.

    Args:
        runtime: of this process.
        queue: where slices are asked for; it is woken when one ends, too.
        running: ids of jobs by their slices' tasks; those that are started are added.
    """
    for job_id in queue.take(SLICES_AT_ONCE - len(running)):
        _start(runtime, queue, running, job_id)
    room = SLICES_AT_ONCE - len(running)
    if not room:
        return None
    if (due_in := await recover.due_in(runtime)) is None:
        return None
    if due_in > 0:
        return min(runtime.settings.sweep_seconds, max(due_in, _MIN_PAUSE_SECONDS))
    for job_id in await recover.due_jobs(runtime, limit=room, skip=set(running.values())):
        _start(runtime, queue, running, job_id)
    return _MIN_PAUSE_SECONDS


def _start(
    runtime: Runtime, queue: LocalQueue, running: dict[Task[None], str], job_id: str
) -> None:
    task = asyncio.create_task(run_job(runtime, job_id))
    running[task] = job_id
    task.add_done_callback(partial(_ended, running, queue))


def _ended(running: dict[Task[None], str], queue: LocalQueue, task: Task[None]) -> None:
    del running[task]
    queue.woken.set()
