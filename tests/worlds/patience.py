"""Waiting for what a test counts."""

import asyncio
import inspect
import time

# With what comes if all is well: much, for a busy machine is no failure.
PATIENCE_SECONDS = 300.0


async def eventually(found, *, seconds=PATIENCE_SECONDS):
    """Ask until the answer is true; gives the seconds that it took.

    Less `seconds` are a promise.
    """
    begun = time.monotonic()
    while True:
        answer = found()
        if await answer if inspect.isawaitable(answer) else answer:
            return time.monotonic() - begun
        assert time.monotonic() - begun < seconds, f"it did not happen within {seconds} s"
        await asyncio.sleep(0.01)
