"""Leaves an upstream in trouble alone, and lets single calls ask whether it is over.

Pure but for the clock that it is given. An accident or two open nothing; what opens it is that most
of the last answers said nothing, or that a balance is used up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WEIGHT_OF_ONE: Final = 0.05  # how much the last answer counts: it sees about the last twenty
_FAILING: Final = 0.6
_PAUSE_PER_AGE: Final = 4.0  # after a probe in vain, a quarter of the outage's age
_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
_LEAST_OF_PAUSE: Final = 0.75  # the rest is jitter


@dataclass(slots=True)
class Breaker:
    """Whether calls go: all of them while it is closed.

    Open: none goes until `quiet_until`, then one at a time, until one is answered well.
    """

    jitter: Callable[[], float]
    clock: Callable[[], float]
    quiet_until: float = 0.0
    is_open: bool = False
    failing_share: float = 0.0
    _since: float | None = None  # when the trouble began

    def well(self) -> None:
        """An answer that was one."""
        self.failing_share = (
            0.0 if self.is_open else max(0.0, self.failing_share * (1 - _WEIGHT_OF_ONE) - 1e-3)
        )
        self.is_open = False
        if self.failing_share < _WEIGHT_OF_ONE:
            self._since = None

    def failed(self, asked_seconds: float) -> None:
        """No answer, or one of trouble, which asks to be left alone for so long."""
        self.failing_share += (1 - self.failing_share) * _WEIGHT_OF_ONE
        self._since = self.clock() if self._since is None else self._since
        if self.is_open or self.failing_share >= _FAILING:
            self.open(asked_seconds)

    def open(self, asked_seconds: float = 0.0) -> None:
        """Let nothing go for a pause, which is the longer the longer the trouble lasts."""
        was_open, self.is_open = self.is_open, True
        now = self.clock()
        if asked_seconds > 0:
            self.quiet_until = max(self.quiet_until, now + asked_seconds)
        if was_open and self.quiet_until > now:
            return  # an answer to a call from before, or one that has asked for quiet
        self._since = now if self._since is None else self._since
        pause = min(
            _MAX_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, (now - self._since) / _PAUSE_PER_AGE)
        )
        drawn = _LEAST_OF_PAUSE + (1 - _LEAST_OF_PAUSE) * self.jitter()
        self.quiet_until = max(self.quiet_until, now + pause * drawn)
