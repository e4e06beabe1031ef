"""How many calls one business may have at one upstream: taken back when it struggles, given again when it recovers.

Each process keeps its own paces, from what it hears itself. One business's trouble at one upstream leaves every other
business, and its own other upstream, as fast as they were.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.gateways.outcomes import Method

# Additive increase since the last cut, a little faster the longer nothing was throttled: calls a second, and a second².
_GROWTH: Final = 1.0
_GROWTH_OF_GROWTH: Final = 0.05
_CUTS_APART_SECONDS: Final = 1.0  # one burst of refusals is one sign
_SICKNESS_OF_ONE: Final = 0.05  # how much the last answer counts: the breaker sees about the last twenty
_SICK: Final = 0.6
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_REPEATS_PER_SUCCESS: Final = 0.2
_REPEATS_PER_SECOND: Final = 1.0


class Sign(StrEnum):
    """What an answer says about the upstream, whatever it says about the refund."""

    WELL = "well"
    THROTTLED = "throttled"
    SICK = "sick"  # no answer, or one of trouble
    BROKE = "broke"  # the business's balance is used up


class Entry(StrEnum):
    """Whether a call may go."""

    GO = "go"
    LATER = "later"  # the upstream is to be left alone, or repeats have used up their budget


@dataclass(slots=True)
class Pace:
    """One business at one upstream: a window that adapts, a breaker that probes with single calls, a retry budget."""

    most: int
    share: Callable[[], int]
    jitter: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    in_flight: int = 0
    quiet_until: float = 0.0
    probing: bool = False  # one call at a time, until one is answered well
    _cut_to: float = field(init=False)
    _cut_at: float = float("-inf")
    _sickness: float = 0.0
    _pause_seconds: float = _FIRST_PAUSE_SECONDS
    _repeats: float = field(init=False)
    _repeats_at: float = field(init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._cut_to = float(self.most)
        self._repeats = self._most_repeats
        self._repeats_at = self.clock()

    @property
    def quiet_seconds(self) -> float:
        """How much longer nothing may go; 0 or less: calls may."""
        return self.quiet_until - self.clock()

    @property
    def window(self) -> int:
        """Calls that may be in flight while the upstream is well."""
        since = max(0.0, self.clock() - max(self._cut_at, self.quiet_until))
        grown = self._cut_to + _GROWTH * since + _GROWTH_OF_GROWTH * since * since
        return max(1, min(self.most, self.share(), round(grown)))

    @property
    def room(self) -> int:
        """Calls that may be in flight now: none while quiet, one while probing, else the window."""
        if self.quiet_seconds > 0:
            return 0
        return 1 if self.probing else self.window

    @property
    def is_shut(self) -> bool:
        """Whether no call may go but a probe."""
        return self.probing or self.quiet_seconds > 0

    @property
    def is_pristine(self) -> bool:
        """Whether nothing is remembered that a new pace would not say too."""
        return not (self.in_flight or self._sickness or self.is_shut) and self.window == min(self.most, self.share())

    async def enter(self, *, repeat: bool) -> Entry:
        """Ask for a call's place, waiting for one while the upstream is well; who is let in calls `leave`.

        Args:
            repeat: the refund has been sent before, or is looked up because nothing is known of it.
        """
        while self.in_flight >= (room := self.room):
            if room == 0 or self.probing:
                return Entry.LATER
            freed = asyncio.get_running_loop().create_future()
            self._waiting.append(freed)
            await freed
        if repeat and not self._take_repeat():
            return Entry.LATER
        self.in_flight += 1
        return Entry.GO

    def leave(self, sign: Sign | None, *, repeat: bool, retry_after_seconds: float = 0.0) -> Sign | None:
        """Give the place back and learn from the answer; returns why the lane is paused, if it has just been.

        Args:
            sign: what the answer says about the upstream; None: no call was made after all.
            repeat: as at `enter`.
            retry_after_seconds: for how long the upstream asks to be left alone.
        """
        self.in_flight -= 1
        was_quiet = self.quiet_seconds > 0
        match sign:
            case None:
                self._repeats += repeat
            case Sign.WELL:
                self._well(repeat=repeat)
            case Sign.THROTTLED:
                self._cut()
                self._be_quiet(_FIRST_PAUSE_SECONDS)
            case Sign.BROKE:
                self._break_off()
            case Sign.SICK:
                self._sickness += (1 - self._sickness) * _SICKNESS_OF_ONE
                if self.probing or self._sickness >= _SICK:
                    self._break_off()
        if retry_after_seconds > 0:
            self._be_quiet(retry_after_seconds)
        self._let_in()
        return sign if self.quiet_seconds > 0 and not was_quiet else None

    def _well(self, *, repeat: bool) -> None:
        self._sickness = max(0.0, self._sickness * (1 - _SICKNESS_OF_ONE) - 1e-3)
        self._repeats = min(self._most_repeats, self._repeats + (1.0 if repeat else _REPEATS_PER_SUCCESS))
        if self.probing:
            self.probing = False
            self._sickness = 0.0
            self._pause_seconds = _FIRST_PAUSE_SECONDS

    def _cut(self) -> None:
        now = self.clock()
        if now - self._cut_at >= _CUTS_APART_SECONDS:
            self._cut_to = max(1.0, self.window / 2)
            self._cut_at = now

    def _break_off(self) -> None:
        """Leave the upstream alone, longer after each probe in vain; then let a single call try."""
        was_probing, self.probing = self.probing, True
        if not was_probing:
            self._cut()
        if self.quiet_seconds > 0:
            return  # an answer to a call from before, or one that has asked for quiet
        self._be_quiet(self._pause_seconds * (0.5 + self.jitter() / 2))
        self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, self._pause_seconds * 2)

    def _be_quiet(self, seconds: float) -> None:
        self.quiet_until = max(self.quiet_until, self.clock() + seconds)

    def _let_in(self) -> None:
        free = self.room - self.in_flight
        if self.is_shut:
            free = len(self._waiting)  # they are told to come later
        while self._waiting and free > 0:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                free -= 1

    @property
    def _most_repeats(self) -> float:
        return 2.0 * self.most

    def _take_repeat(self) -> bool:
        now = self.clock()
        self._repeats = min(self._most_repeats, self._repeats + (now - self._repeats_at) * _REPEATS_PER_SECOND)
        self._repeats_at = now
        if self._repeats < 1.0:
            return False
        self._repeats -= 1.0
        return True


class Paces:
    """The paces of a process; businesses that are at an upstream at the same time share its `total` calls evenly."""

    def __init__(self, *, most: int, total: int, jitter: Callable[[], float]) -> None:
        """Begin with every upstream well.

        Args:
            most: calls in flight of one business at one upstream.
            total: calls in flight of all businesses at one upstream, as far as each keeps one.
            jitter: draws from 0 to 1.
        """
        self._most = most
        self._total = total
        self._jitter = jitter
        self._paces: dict[tuple[str, Method], Pace] = {}
        self._lanes: Counter[tuple[str, Method]] = Counter()
        self._businesses: Counter[Method] = Counter()

    @contextmanager
    def at(self, business_id: str, method: Method) -> Iterator[Pace]:
        """The pace of a lane, which counts as one that is at the upstream for as long as the block lasts."""
        key = business_id, method
        pace = self._paces.setdefault(key, self._new(method))
        self._businesses[method] += key not in self._lanes
        self._lanes[key] += 1
        try:
            yield pace
        finally:
            self._lanes[key] -= 1
            if not self._lanes[key]:
                del self._lanes[key]
                self._businesses[method] -= 1
                if pace.is_pristine:
                    del self._paces[key]

    def quiet_seconds(self, business_id: str, method: Method) -> float:
        """How much longer the business's refunds stay away from the upstream; 0 or less: they may go."""
        pace = self._paces.get((business_id, method))
        return 0.0 if pace is None else pace.quiet_seconds

    def _new(self, method: Method) -> Pace:
        return Pace(self._most, lambda: max(1, self._total // max(1, self._businesses[method])), self._jitter)
