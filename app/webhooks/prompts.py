"""Prompts across processes: who has committed deliveries or messages prompts through Redis.

One that delivers then looks at once. Prompts may be lost: whoever delivers looks every second
anyhow. However many commits there are, a process prompts ten times a second at most.
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


class DeliveryPrompter:
    """Prompts for a process that writes deliveries and makes none."""

    def __init__(self, db: Database, queue: ArqQueue) -> None:
        """Prompt from now on after each transaction of this process that wrote some."""
        self._queue = queue
        self._prompting: asyncio.Task[None] | None = None
        self._again = False
        db.listeners.of_deliveries.append(self.prompt)
        db.listeners.of_messages.append(self.prompt)

    def prompt(self) -> None:
        """Prompt soon, once for all that ask meanwhile."""
        self._again = True
        if self._prompting is None or self._prompting.done():
            self._prompting = asyncio.create_task(self._keep_prompting())

    async def _keep_prompting(self) -> None:
        while self._again:
            self._again = False
            pause = _TOGETHER_SECONDS
            try:
                await self._queue.prompt_deliveries()
            except Exception as error:  # noqa: BLE001 - a prompt may be lost
                log.warning("deliveries.wake_lost", error=type(error).__name__)
                pause = PAUSE_SECONDS
            await asyncio.sleep(pause)


async def take_prompt(db: Database, queue: ArqQueue) -> float:
    """Have this process look for deliveries should another prompt soon.

    Returns 0, for the next may come at once.

    Raises:
        RedisError, OSError, TimeoutError: Redis is away.
    """
    if await queue.pop_delivery_prompt(seconds=_WAIT_SECONDS):
        db.listeners.deliveries_due()
        db.listeners.messages_due()
    return 0.0
