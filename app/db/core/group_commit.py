"""Group commits: many tasks add results, and one task writes them in batches.

An added result is in the next group. The first is written at once, and a group soon after the last
is back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

import structlog

from app.db.core.outage import is_outage

log = structlog.get_logger()

One = TypeVar("One")

_MAX_GROUP: Final = 500
# What is added meanwhile joins the next group: a transaction costs as much as the rows of ten
# refunds.
_GROUPS_APART_SECONDS: Final = 0.02
_MAX_OUTAGE_SECONDS: Final = 60.0
_TRY_AGAIN_SECONDS: Final = 0.2


class GroupCommitter(Generic[One]):
    """Collects from many tasks and hands groups to `write`, one at a time.

    Leaving the block writes the rest. A group is written again through an outage of the database,
    which must change nothing where it had landed after all.
    """

    def __init__(self, write: Callable[[list[One]], Awaitable[None]]) -> None:
        """`write` is one transaction; what it raises, except an outage, ends the writing."""
        self._write = write
        self._waiting: list[One] = []
        self._added = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._keep_writing())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._added.set()
        assert self._writer is not None
        await self._writer

    def add(self, one: One) -> None:
        """Have this written in the next group.

        Raises:
            Exception: what ended the writing: so does who adds, instead of adding what nobody
                writes.
        """
        self._waiting.append(one)
        assert self._writer is not None
        if self._writer.done():
            self._writer.result()
        self._added.set()

    async def _keep_writing(self) -> None:
        while True:
            await self._added.wait()
            self._added.clear()
            while self._waiting:
                group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
                await self._flush(group)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), _GROUPS_APART_SECONDS)
            if self._closing.is_set():
                return

    async def _flush(self, group: list[One]) -> None:
        until = time.monotonic() + _MAX_OUTAGE_SECONDS
        while True:
            try:
                await self._write(group)
            except Exception as error:
                # What was added is worth keeping through a restart of the database.
                if not is_outage(error) or time.monotonic() > until:
                    raise
                log.warning("group.waiting", size=len(group), error=type(error).__name__)
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
            else:
                return
