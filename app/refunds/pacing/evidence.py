"""Refusals weighed against accidents: no single refusal is ever taken for a rate.

Pure counting. A sum of evidence (CUSUM, Page 1954) grows with each refusal by the logarithm of how
much likelier it is where calls are too fast than where refusals are accidents, and shrinks with
each call that passed. From where it left nought, what passed is counted: that is what an upstream
lets through.
"""

import math
from dataclasses import dataclass
from typing import Final

_LIKELIEST_ACCIDENTS: Final = 0.5
_TOO_FAST: Final = 0.35  # the share refused of calls that are too fast, or more
_TOO_FAST_OF_ACCIDENTS: Final = 2.5
_ABOVE_SEEN: Final = 1.5


@dataclass(slots=True)
class Evidence:
    """What is known of calls since the first refusal that may be of the rate.

    Calls are ordered by when they were *sent*.
    """

    weight: float = 0.0  # nought: nothing speaks for a rate
    first_at: float = 0.0  # when it left nought
    last_at: float = 0.0  # of the last refusal since
    # The latest call that was answered. The name is kept: rows of `call_rates` hold it.
    heard_to: float = 0.0
    passed: int = 0
    passed_at_last: int = 0  # until the last refusal
    refused: int = 0
    accidents: float = 0.0  # their share, as seen while calls were slower than the rate

    @property
    def seconds(self) -> float:
        """From the first refusal to the latest call that was answered."""
        return self.heard_to - self.first_at

    @property
    def passing(self) -> float:
        """What has passed since the first refusal, and a little more."""
        return self.passed + 1 + 1.5 * math.sqrt(self.passed)

    @property
    def passing_a_second(self) -> float:
        """The same by the second."""
        return self.passing / max(self.seconds, 0.02)

    @property
    def share(self) -> float:
        """The share that was refused."""
        return self.refused / max(1, self.refused + self.passed)

    def seen(self, *, refused: bool, over: int) -> None:
        """Learn the share of accidents, over so many calls.

        The call was no faster than the rate.
        """
        self.accidents += (refused - self.accidents) / over

    def weigh(self, sent_at: float, *, refused: bool, base: float, sure: float) -> bool:
        """Take in one answer; whether refusals are now surely of the rate.

        Args:
            sent_at: when the call was sent.
            refused: what it came to.
            base: the share of accidents to reckon with where fewer were seen.
            sure: the weight from which on it is sure.
        """
        if not self.weight and not refused:
            return False
        if not self.weight:
            self.first_at = self.last_at = sent_at
            self.passed = self.passed_at_last = self.refused = 0
        by_accident = min(_LIKELIEST_ACCIDENTS, max(base, _ABOVE_SEEN * self.accidents))
        too_fast = min(0.95, max(_TOO_FAST, _TOO_FAST_OF_ACCIDENTS * by_accident))
        for_it = too_fast / by_accident if refused else (1 - too_fast) / (1 - by_accident)
        self.count(sent_at, refused=refused)
        self.weight = max(0.0, self.weight + math.log(for_it))
        return self.weight >= sure

    def count(self, sent_at: float, *, refused: bool) -> None:
        """Count one answer, without weighing it."""
        self.heard_to = max(self.heard_to, sent_at)
        if refused:
            self.refused += 1
            if sent_at > self.last_at:
                self.last_at, self.passed_at_last = sent_at, self.passed
        elif sent_at > self.first_at:
            self.passed += 1
