"""The worker loop of a process without Redis: runs slices of due jobs side by side until it is told to stop.

It runs the same functions as the arq worker; only the prompting differs.
"""

import asyncio
from asyncio import Task
from functools import partial

import structlog

from app.cancellation import recover
from app.cancellation.run import run_job
from app.cancellation.runtime import SLICES_AT_ONCE, Runtime
from app.queue import LocalQueue

log = structlog.get_logger()


async def run_forever(runtime: Runtime, queue: LocalQueue, stop: asyncio.Event) -> None:
    """Serve due jobs, each at most one slice at a time, the longest due first.

    Stopping lets the slices in hand finish their calls and write their outcomes.
    """
    running: dict[str, Task[None]] = {}
    while not stop.is_set():
        queue.woken.clear()
        room = SLICES_AT_ONCE - len(running)
        pause = runtime.settings.sweep_seconds
        try:
            for job_id in await recover.due_jobs(runtime, limit=room, skip=running) if room else ():
                task = asyncio.create_task(run_job(runtime, job_id))
                running[job_id] = task
                task.add_done_callback(partial(_ended, running, job_id, queue))
            if room and (due_in := await recover.due_in(runtime)) is not None:
                pause = min(pause, max(due_in, 0.05))
        except Exception as error:  # noqa: BLE001 - the worker's edge: a database that is away comes back
            log.warning("sweep.failed", error=type(error).__name__)
        await _wait(queue.woken, stop, pause)
    if running:
        await asyncio.wait(running.values())


def _ended(running: dict[str, Task[None]], job_id: str, queue: LocalQueue, _task: Task[None]) -> None:
    del running[job_id]
    queue.woken.set()


async def _wait(woken: asyncio.Event, stop: asyncio.Event, seconds: float) -> None:
    """Until woken, stopped or so many seconds have passed."""
    waits = [asyncio.create_task(woken.wait()), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
