"""Waits at Redis for prompts that are for now.

So accepted work begins at once instead of at arq's next poll. A prompt that is lost on its way is
as harmless as any: the sweep finds what is due.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from app.queue import ArqQueue
from app.refunds.runtime import SLICES_AT_ONCE, Runtime

log = structlog.get_logger()

_WAIT_SECONDS: Final = 10
_PAUSE_SECONDS: Final = 2.0

RunSlice = Callable[[str], Coroutine[Any, Any, None]]  # of the job with this id


async def listen_forever(runtime: Runtime, run_slice: RunSlice) -> None:
    """Run a slice of each job that is asked for, as arq would.

    It ends when the worker stops and they have ended. With as many slices as a process runs side by
    side, prompts are left for other workers.
    """
    slices: set[asyncio.Task[None]] = set()
    listening = asyncio.create_task(_listen(runtime, run_slice, slices))
    await runtime.stopping.wait()
    listening.cancel()
    await asyncio.wait([listening, *slices])


async def _listen(runtime: Runtime, run_slice: RunSlice, slices: set[asyncio.Task[None]]) -> None:
    assert isinstance(runtime.queue, ArqQueue)
    room = asyncio.Semaphore(SLICES_AT_ONCE)

    def ended(task: asyncio.Task[None]) -> None:
        slices.discard(task)
        room.release()

    while True:
        await room.acquire()
        task = asyncio.create_task(run_slice(await _heard(runtime.queue)))
        slices.add(task)
        task.add_done_callback(ended)


async def _heard(queue: ArqQueue) -> str:
    """The next job that a slice is asked for, however long that takes."""
    while True:
        try:
            if (job_id := await queue.hear(seconds=_WAIT_SECONDS)) is not None:
                return job_id
        except Exception as error:  # noqa: BLE001 - the worker's edge: a Redis that is away comes back
            log.warning("bell.away", error=type(error).__name__)
            await asyncio.sleep(_PAUSE_SECONDS)
