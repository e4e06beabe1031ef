"""Keeps what somebody else publishes, and may change or stop answering for.

However many wait, one fetch runs. Failures cool down as successes do, and what was had goes on
being used for a day.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

REFRESH_SECONDS: Final = 300.0
KEPT_SECONDS: Final = 24 * 3600.0
COOL_DOWN_SECONDS: Final = 30.0

T = TypeVar("T")


class Kept(Generic[T]):
    """One thing of that kind.

    `fetch` gives it anew, or None where it can't be had; `cool_down` is what lies between the
    beginnings of two fetches, in seconds, which `clock` counts.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T | None]],
        *,
        cool_down: float = COOL_DOWN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._cool_down = cool_down
        self._clock = clock
        self._value: T | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def get(self, fits: Callable[[T], bool] = lambda _: True) -> T | None:
        """The thing, asked for again where what is kept doesn't fit; None where it was never had.

        What is given may still not fit: asking again is not allowed so soon, or did not help.
        """
        kept = self._in_time()
        if kept is not None and fits(kept):
            if self._clock() - self._fetched_at > REFRESH_SECONDS:
                self._start()  # nobody waits for it
            return kept
        self._start()
        if self._task is not None:
            await asyncio.shield(self._task)
        return self._in_time()

    @property
    def is_current(self) -> bool:
        """Whether the last try brought it."""
        return self._fetched_at >= self._tried_at > float("-inf")

    async def aclose(self) -> None:
        """End a fetch that still runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _in_time(self) -> T | None:
        return self._value if self._clock() - self._fetched_at <= KEPT_SECONDS else None

    def _start(self) -> None:
        if self._task is None and self._clock() - self._tried_at >= self._cool_down:
            self._tried_at = self._clock()  # before the fetch: one that fails counts, too
            self._task = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            value = await self._fetch()
        finally:
            self._task = None
        if value is not None:
            self._value, self._fetched_at = value, self._clock()
