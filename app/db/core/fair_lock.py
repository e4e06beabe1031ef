"""Whose turn it is to write, where only one can at a time.

Those who have written least lately go first. So a large job's many transactions don't stand in line
before a small one's few. Nobody waits for ever: who goes first has written more the next time.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Final

# For whom a task writes, such as a job; tasks that it starts write for the same.
current_writer: Final[ContextVar[str]] = ContextVar("current_writer", default="")

_HALF_FORGOTTEN_SECONDS: Final = 1.0


class FairLock:
    """A lock of one event loop; `async with` holds it. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._holder: str | None = None
        self._since = 0.0
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        # How long each has held it, half of that forgotten each second.
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._counted_at = 0.0

    async def __aenter__(self) -> None:
        who = current_writer.get()
        if self._holder is None and not self._waiting:
            self._hold(who)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((who, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come already: it is the next one's
                self._pass_on()
            raise

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._count()
        self._pass_on()

    def _hold(self, who: str) -> None:
        self._holder, self._since = who, self._clock()

    def _count(self) -> None:
        assert self._holder is not None
        now = self._clock()
        kept = 0.5 ** ((now - self._counted_at) / _HALF_FORGOTTEN_SECONDS)
        self._counted_at = now
        for who, seconds in list(self._seconds.items()):
            self._seconds[who] = seconds * kept
            if self._seconds[who] < 1e-6:  # noqa: PLR2004 - as good as nothing
                del self._seconds[who]
        self._seconds[self._holder] += now - self._since

    def _pass_on(self) -> None:
        self._holder = None
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]
        if self._waiting:
            first = min(
                range(len(self._waiting)),
                key=lambda place: self._seconds.get(self._waiting[place][0], 0.0),
            )
            who, turn = self._waiting.pop(first)
            self._hold(who)
            turn.set_result(None)
