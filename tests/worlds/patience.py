"""Waiting for what a test counts."""

import asyncio
import inspect
import time


async def eventually(found, *, seconds=5.0):
    """Ask until the answer is true; gives the seconds that it took."""
    begun = time.monotonic()
    while True:
        answer = found()
        if await answer if inspect.isawaitable(answer) else answer:
            return time.monotonic() - begun
        assert time.monotonic() - begun < seconds, f"it did not happen within {seconds} s"
        await asyncio.sleep(0.01)
