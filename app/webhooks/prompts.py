"""Prompts across processes: who has committed deliveries rings at Redis.

One that delivers then looks at once. Prompts may be lost: whoever delivers looks every second
anyhow. However many commits there are, a process rings ten times a second at most.
"""

import asyncio
from typing import Final

import structlog

from app.db.core.engine import Database
from app.queue import ArqQueue

log = structlog.get_logger()

_TOGETHER_SECONDS: Final = 0.1
_WAIT_SECONDS: Final = 10
PAUSE_SECONDS: Final = 2.0  # while Redis is away


class Ringer:
    """Rings for a process that writes deliveries and makes none."""

    def __init__(self, db: Database, queue: ArqQueue) -> None:
        """Ring from now on after each transaction of this process that wrote some."""
        self._queue = queue
        self._ringing: asyncio.Task[None] | None = None
        self._again = False
        db.listeners.of_deliveries.append(self.ring)

    def ring(self) -> None:
        """Ring soon, once for all that ask meanwhile."""
        self._again = True
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        while self._again:
            self._again = False
            pause = _TOGETHER_SECONDS
            try:
                await self._queue.ring_for_deliveries()
            except Exception as error:  # noqa: BLE001 - a prompt may be lost
                log.warning("deliveries.wake_lost", error=type(error).__name__)
                pause = PAUSE_SECONDS
            await asyncio.sleep(pause)


async def hear_once(db: Database, queue: ArqQueue) -> float:
    """Have this process look for deliveries should another ring soon.

    Returns 0, for the next may ring at once.

    Raises:
        RedisError, OSError, TimeoutError: Redis is away.
    """
    if await queue.hear_of_deliveries(seconds=_WAIT_SECONDS):
        db.listeners.tell_of_deliveries()
    return 0.0
