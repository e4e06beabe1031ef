"""Finds what holds up the event loop: the longest step of any task, in the loop's CPU time.

CPU time, because on a busy machine every step takes long by the clock. A step ends where its task
waits for something.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass

MAX_SECONDS = 0.050
_TRIES = 10


@dataclass
class Watched:
    """The longest step so far, and of what."""

    longest_seconds: float = 0.0
    where: str = ""

    def step(self, name: str, seconds: float) -> None:
        if seconds > self.longest_seconds:
            self.longest_seconds, self.where = seconds, name

    def check(self) -> None:
        """Fail for a step that was too long."""
        assert self.longest_seconds <= MAX_SECONDS, (
            f"{self.where} held the loop for {self.longest_seconds:.3f} s"
        )


class _Timed(Coroutine):
    """A coroutine that tells how long each of its steps took."""

    def __init__(self, inner: Coroutine, watched: Watched) -> None:
        self._inner = inner
        self._watched = watched
        self.__name__ = getattr(inner, "__qualname__", repr(inner))
        self.__qualname__ = self.__name__

    def __getattr__(self, name):  # whether it runs, as anyio asks
        return getattr(self._inner, name)

    def send(self, value):
        return self._step(self._inner.send, value)

    def throw(self, *error):
        return self._step(self._inner.throw, *error)

    def close(self):
        self._inner.close()

    def __await__(self):
        return self

    def _step(self, step, *given):
        began = time.thread_time()
        try:
            return step(*given)
        finally:
            self._watched.step(self.__name__, time.thread_time() - began)


@contextlib.contextmanager
def watching() -> Iterator[Watched]:
    """Time each step of every task that begins while the block runs."""
    loop = asyncio.get_running_loop()
    watched = Watched()
    before = loop.get_task_factory()
    loop.set_task_factory(
        lambda loop, inner, **given: asyncio.Task(_Timed(inner, watched), loop=loop, **given)
    )
    try:
        yield watched
    finally:
        loop.set_task_factory(before)


async def never_held(work: Callable[[], Awaitable[None]]) -> None:
    """Do this until no step of it was too long, at most ten times; fails if each time one was.

    What holds up the loop does so every time. A busy machine, or the garbage of other tests, adds
    to some.
    """
    for _ in range(_TRIES):
        with watching() as watched:
            await work()
        if watched.longest_seconds <= MAX_SECONDS:
            break
    watched.check()
