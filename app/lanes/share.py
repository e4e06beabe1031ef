"""How much of a process deliveries may take beside refunds.

A small share while those are under way, and as much as they want else. It is counted in the
processor's time of this thread, so that waiting costs nothing. Nobody starves: the share is never
nothing, and who asked first goes first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar

One = TypeVar("One")

LEAST: Final = 0.02  # of a core, however little time the thread has had
# While refunds wait for their upstream more than they work, nobody is in the way of anybody.
IDLE: Final = 0.05  # of a core, taken by all that is no delivery
IDLE_SHARE: Final = 0.25  # of a core
# What a delivery usually takes: counted from its claim, until what it does take has been.
USUAL_SECONDS: Final = 0.001
_OVER_SECONDS: Final = 1.0  # what others take is measured over this
_PAUSE_SECONDS: Final = 0.02


class Share:
    """Lets deliveries be claimed as their share of the thread allows."""

    def __init__(
        self,
        yields: Callable[[], bool],
        stopping: asyncio.Event,
        *,
        of_thread: float,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        """Nothing has been taken yet.

        Args:
            yields: whether something is under way that goes first.
            stopping: set when nobody is to wait any more.
            of_thread: which part of the thread's time lanes have while it is.
            clock: seconds that pass.
            used: seconds of a processor that this thread has had.
            sleep: waits so many seconds.
        """
        self._yields = yields
        self._stopping = stopping
        self._of_thread = of_thread
        self._clock = clock
        self._used = used
        self._sleep = sleep
        # A lock wakes those who wait in the order in which they came.
        self._in_order = asyncio.Lock()
        self._debt = 0.0  # seconds taken, or soon to be, beyond the share
        self._taken = 0.0  # seconds of deliveries, in all
        self._paid_at = clock(), used()
        self._measured_from = *self._paid_at, 0.0
        self._is_idle = False

    @property
    def is_pinched(self) -> bool:
        """Whether something is under way that goes first."""
        return self._yields()

    async def acquire(self, deliveries: int) -> None:
        """Wait until so many may be claimed.

        What is not claimed after all is to be given back by `ended`.
        """
        async with self._in_order:
            while self._owes() and not self._stopping.is_set():
                await self._sleep(_PAUSE_SECONDS)
            self._debt += deliveries * USUAL_SECONDS

    def ended(self, deliveries: int) -> None:
        """So many that were counted by `acquire` take no more than they have."""
        self._debt -= deliveries * USUAL_SECONDS

    async def metered(self, work: Coroutine[Any, Any, One]) -> One:
        """The same, whose steps count as deliveries' time."""
        return await _Metered(work, self._used, self._take)

    def _take(self, seconds: float) -> None:
        self._taken += seconds
        self._debt += seconds

    def _owes(self) -> bool:
        """Pay with the time that has passed; whether there is a debt still."""
        at, used = self._clock(), self._used()
        passed, had = at - self._paid_at[0], used - self._paid_at[1]
        self._paid_at = at, used
        self._measure(at, used)
        if not self._yields():
            self._debt = 0.0
        share = IDLE_SHARE * passed if self._is_idle else max(self._of_thread * had, LEAST * passed)
        self._debt = max(0.0, self._debt - share)
        return self._debt > 0

    def _measure(self, at: float, used: float) -> None:
        since, used_then, taken_then = self._measured_from
        if at - since >= _OVER_SECONDS:
            others = (used - used_then) - (self._taken - taken_then)
            self._is_idle = others < IDLE * (at - since)
            self._measured_from = at, used, self._taken


class _Metered(Awaitable[One], Generic[One]):
    """Awaits a coroutine, and has the thread's time of each of its steps counted."""

    def __init__(
        self,
        work: Coroutine[Any, Any, One],
        used: Callable[[], float],
        take: Callable[[float], None],
    ) -> None:
        self._work = work
        self._used = used
        self._take = take

    def __await__(self) -> Generator[Any, Any, One]:
        raised: BaseException | None = None
        while True:
            begun = self._used()
            try:
                waits_for = self._work.send(None) if raised is None else self._work.throw(raised)
            except StopIteration as done:
                result: One = done.value
                return result
            finally:
                self._take(self._used() - begun)
            raised = None
            try:
                yield waits_for
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - a cancellation too is the coroutine's to see
                raised = error
