"""The worker loop of a process without Redis: slices of due jobs, side by side.

It ends when it is told to stop. It runs the same functions as the arq worker; only the prompting
differs.
"""

import asyncio
from asyncio import Task
from functools import partial

import structlog

from app.queue import LocalQueue
from app.refunds.runtime import SLICES_AT_ONCE, Runtime
from app.refunds.slices import recover
from app.refunds.slices.run import run_job

log = structlog.get_logger()


async def run_forever(runtime: Runtime, queue: LocalQueue, stop: asyncio.Event) -> None:
    """Serve jobs that a slice was asked for, and those due by the database.

    The longest due come first. Stopping lets the slices in hand finish their calls and write their
    outcomes.
    """
    running: dict[Task[None], str] = {}
    while not stop.is_set():
        queue.woken.clear()
        for job_id in queue.take(SLICES_AT_ONCE - len(running)):
            _start(runtime, queue, running, job_id)
        pause = await _sweep(runtime, queue, running)
        await _wait(queue.woken, stop, pause)
    if running:
        await asyncio.wait(set(running))


async def _sweep(runtime: Runtime, queue: LocalQueue, running: dict[Task[None], str]) -> float:
    """Start what is due and was not asked for.

    Returns the seconds until there may be more.
    """
    pause = runtime.settings.sweep_seconds
    room = SLICES_AT_ONCE - len(running)
    if not room:
        return pause
    try:
        if (due_in := await recover.due_in(runtime)) is None or due_in > 0:
            return pause if due_in is None else min(pause, max(due_in, 0.05))
        for job_id in await recover.due_jobs(runtime, limit=room, skip=set(running.values())):
            _start(runtime, queue, running, job_id)
    except Exception as error:  # noqa: BLE001 - the worker's edge: a database that is away comes back
        log.warning("sweep.failed", error=type(error).__name__)
        return pause
    return 0.05


def _start(
    runtime: Runtime, queue: LocalQueue, running: dict[Task[None], str], job_id: str
) -> None:
    task = asyncio.create_task(run_job(runtime, job_id))
    running[task] = job_id
    task.add_done_callback(partial(_ended, running, queue))


def _ended(running: dict[Task[None], str], queue: LocalQueue, task: Task[None]) -> None:
    del running[task]
    queue.woken.set()


async def _wait(woken: asyncio.Event, stop: asyncio.Event, seconds: float) -> None:
    """Until woken, stopped or so many seconds have passed."""
    waits = [asyncio.create_task(woken.wait()), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
