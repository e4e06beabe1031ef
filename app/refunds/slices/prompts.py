"""Waits at Redis for prompts that are for now.

So accepted work begins at once instead of at arq's next poll. A prompt that is lost on its way is
as harmless as any: the sweep finds what is due.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from app.queue import ArqQueue
from app.refunds.runtime import SLICES_AT_ONCE

PAUSE_SECONDS: Final = 2.0  # while Redis is away
_WAIT_SECONDS: Final = 10

RunSlice = Callable[[str], Coroutine[Any, Any, None]]  # of the job with this id


async def run_next(queue: ArqQueue, run_slice: RunSlice, slices: set[asyncio.Task[None]]) -> float:
    """Begin a slice of the next job that is asked for, as arq would.

    With as many slices as a process runs side by side, prompts are left for other workers. Returns
    0, for the next may be there.

    Args:
        queue: where slices are asked for.
        run_slice: runs one.
        slices: those that were begun so; a new one is added.

    Raises:
        RedisError, OSError, TimeoutError: Redis is away.
    """
    if len(slices) >= SLICES_AT_ONCE:
        await asyncio.wait(slices, return_when=asyncio.FIRST_COMPLETED)
    if (job_id := await queue.pop(seconds=_WAIT_SECONDS)) is not None:
        task = asyncio.create_task(run_slice(job_id))
        slices.add(task)
        task.add_done_callback(slices.discard)
    return 0.0
