"""How many calls one business may have at one upstream, and when each goes.

They go at the rate that the business's account has. The window, the breaker and the budget of
repeats are of this process, from the answers it receives itself; the rate is the account's
(`sharing`). One business's trouble at one upstream leaves every other business, and its own other
upstream, as fast as they were; and one refusal leaves the lane as fast as it was.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.refunds.pacing.breaker import Breaker
from app.refunds.pacing.rate import AnsweredCall
from app.refunds.pacing.sharing import AccountRate

_FIRST_WINDOW: Final = 8  # calls at once; one more with each that is answered
_GROWTH: Final = 1.0  # calls at once a second, after the upstream said that they were too many
_REPEATS_PER_SUCCESS: Final = 0.2
_REPEATS_PER_SECOND: Final = 1.0
_LOOK_UPS_PER_CALL: Final = 0.5  # at once, for each call that may be in flight
_TURN_LOOKS_SECONDS: Final = 0.1  # how often who waits for a turn asks whether the pace has changed


class Signal(StrEnum):
    """What an answer says about the upstream, whatever it says about the refund."""

    WELL = "well"
    THROTTLED = "throttled"  # one call too fast, or an accident: the rate weighs it
    CROWDED = "crowded"  # too many at once
    FAILING = "failing"  # no answer, or one of trouble
    OUT_OF_FUNDS = "out_of_funds"  # the business's balance is used up


class Admission(StrEnum):
    """Whether a call may go."""

    GO = "go"
    DEFER = "defer"  # the upstream is to be left alone, or repeats have used up their budget


@dataclass(slots=True, weakref_slot=True)
class Account:
    """An account at an upstream, as this process knows it: its rate and its turns."""

    rate: AccountRate
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    ahead_seconds: float = 0.0  # of the database's clock before ours
    publishers: set[asyncio.Event] = field(default_factory=set)
    published_at: float = float("-inf")  # by our clock: when the row was written or read last

    def publish_at_once(self) -> None:
        """Have the row written at once."""
        for publisher in self.publishers:
            publisher.set()


@dataclass(slots=True)
class _Places:
    """Calls in flight of one kind, and who waits to be one."""

    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def let_in(self, count: int) -> None:
        """Wake so many."""
        while self.waiting and count > 0:
            waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                count -= 1


@dataclass(slots=True)
class Pace:
    """One business at one upstream: a window, a breaker, a retry budget, and turns.

    The breaker probes with single calls.
    """

    most: int
    share: Callable[[], int]
    jitter: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    account: Account = field(default_factory=lambda: Account(AccountRate("alone")))
    sends: _Places = field(default_factory=_Places)
    # Look-ups go beside the sends, and are not counted with them.
    look_ups: _Places = field(default_factory=_Places)
    in_line: int = 0  # for a turn
    breaker: Breaker = field(init=False)
    _grown: float = _FIRST_WINDOW
    _cut_to: float = field(init=False)
    _cut_at: float = float("-inf")
    _repeats: float = field(init=False)
    _repeats_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.jitter, self.clock)
        self._cut_to = float(self.most)
        self._repeats = self._most_repeats
        self._repeats_at = self.clock()

    @property
    def in_flight(self) -> int:
        """Calls that are under way, look-ups too."""
        return self.sends.taken + self.look_ups.taken

    @property
    def quiet_seconds(self) -> float:
        """How much longer nothing may go; 0 or less: calls may."""
        return max(
            self.breaker.quiet_until - self.clock(), self.account.rate.quiet_until - self._now()
        )

    @property
    def window(self) -> int:
        """Calls that may be in flight while the upstream is well."""
        return max(1, min(self.most, self.share(), int(self._grown), int(self._may_have)))

    @property
    def room(self) -> int:
        """Calls that may be in flight: none while quiet, one while probing, else the window."""
        if self.quiet_seconds > 0:
            return 0
        return 1 if self.breaker.is_open else self.window

    @property
    def per_second(self) -> float | None:
        """The pace of this process's calls; None: there is none, and the window alone counts."""
        return self.account.rate.pace(self._now())

    @property
    def is_shut(self) -> bool:
        """Whether no call may go but a probe."""
        return self.breaker.is_open or self.quiet_seconds > 0

    @property
    def is_default(self) -> bool:
        """Whether nothing is remembered that a new pace would not say too."""
        is_held = (
            self.in_flight
            or self.breaker.failing_share
            or self.is_shut
            or self._may_have < self.most
        )
        # What was published is in the account's row.
        return not is_held and not self.account.rate.has_news

    async def enter(self, *, repeat: bool, look_up: bool = False) -> Admission:
        """Ask for a call's place and turn, waiting for both while the upstream is well.

        Who is let in calls `leave`.

        Args:
            repeat: the refund has been sent before, or is looked up because nothing is known of it.
            look_up: it is looked up: that needs no place among those that are sent.
        """
        places = self.look_ups if look_up else self.sends
        goes = False
        try:
            goes = await self._take_place(places, repeat=repeat)
        finally:
            if not goes:
                # Who was let in for a place, and did not take it, leaves it to those behind.
                self._let_in()
        return Admission.GO if goes else Admission.DEFER

    def went(self) -> None:
        """Say that a call goes without having waited for a turn.

        Those behind it wait the longer.
        """
        self.account.rate.went(self._now())

    def answered(self, sent_at: float, *, refused: bool, retry_after_seconds: float = 0.0) -> None:
        """Weigh what an answered call says of the account's rate.

        It was sent at `sent_at`, by this pace's clock.
        """
        ahead, rate = self.account.ahead_seconds, self.account.rate
        rate.receive(
            AnsweredCall(self.clock() + ahead, sent_at + ahead, refused, retry_after_seconds)
        )
        if rate.is_new:
            self.account.publish_at_once()

    def leave(
        self,
        signal: Signal | None,
        *,
        repeat: bool,
        look_up: bool = False,
        retry_after_seconds: float = 0.0,
    ) -> Signal | None:
        """Give the place back and learn from the answer.

        Returns why the lane is paused, if it has just been.

        Args:
            signal: what the answer says about the upstream; None: no call was made after all.
            repeat: as at `enter`.
            look_up: as at `enter`.
            retry_after_seconds: for how long the upstream asks to be left alone: the lane does so
                where it is in trouble, and else the refund alone.
        """
        places = self.look_ups if look_up else self.sends
        places.taken -= 1
        was_quiet = self.quiet_seconds > 0
        match signal:
            case None:
                self._repeats += repeat
            case Signal.WELL:
                self._well(repeat=repeat)
            case Signal.THROTTLED:
                if self.breaker.is_open:
                    self.breaker.open(retry_after_seconds)
            case Signal.CROWDED:
                self._cut_to = float(max(1, min(self.in_flight, self.window)))
                self._cut_at = self.clock()
            case Signal.OUT_OF_FUNDS:
                self.breaker.open()
            case Signal.FAILING:
                self.breaker.failed(retry_after_seconds)
        self._let_in()
        return signal if self.quiet_seconds > 0 and not was_quiet else None

    def _now(self) -> float:
        return self.clock() + self.account.ahead_seconds

    def _free(self, places: _Places) -> int:
        """How many more may be in flight, of this kind."""
        if self.is_shut:
            return self.room - self.in_flight
        most = (
            self.window if places is self.sends else max(1, int(self.window * _LOOK_UPS_PER_CALL))
        )
        return most - places.taken

    async def _take_place(self, places: _Places, *, repeat: bool) -> bool:
        """Wait for a place and for its turn; False: it is to come later."""
        while self._free(places) <= 0:
            if self.is_shut:
                return False
            freed = asyncio.get_running_loop().create_future()
            places.waiting.append(freed)
            await freed
        if repeat and not self._take_repeat():
            return False
        places.taken += 1
        goes = False
        try:
            goes = self.account.rate.is_free or await self._take_turn()
        finally:
            if not goes:
                places.taken -= 1
                self._repeats += repeat
        return goes

    async def _take_turn(self) -> bool:
        """Wait for the next turn; False: the upstream is to be left alone now."""
        self.in_line += 1
        try:
            async with self.account.turns:
                while (wait := self.account.rate.wait(self._now())) > 0:
                    if self.quiet_seconds > 0:
                        return False
                    await asyncio.sleep(min(wait, _TURN_LOOKS_SECONDS))
                self.went()
        finally:
            self.in_line -= 1
        return True

    def _well(self, *, repeat: bool) -> None:
        self._grown = min(float(self.most), self._grown + 1)
        self._repeats = min(
            self._most_repeats, self._repeats + (1.0 if repeat else _REPEATS_PER_SUCCESS)
        )
        self.breaker.well()

    @property
    def _may_have(self) -> float:
        """Calls at once, as far as the upstream has said that there were too many."""
        return min(float(self.most), self._cut_to + _GROWTH * max(0.0, self.clock() - self._cut_at))

    def _let_in(self) -> None:
        for places in (self.sends, self.look_ups):
            # While the lane is shut they are deferred.
            places.let_in(len(places.waiting) if self.is_shut else self._free(places))

    @property
    def _most_repeats(self) -> float:
        return 2.0 * self.most

    def _take_repeat(self) -> bool:
        now = self.clock()
        self._repeats = min(
            self._most_repeats, self._repeats + (now - self._repeats_at) * _REPEATS_PER_SECOND
        )
        self._repeats_at = now
        if self._repeats < 1.0:
            return False
        self._repeats -= 1.0
        return True
