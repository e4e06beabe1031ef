"""The rate that an upstream takes of one account: found, held and followed.

It is taken from what was refused and what passed. Pure: instants are given, nothing is drawn. A
single refusal never sets a pace, and a pace is never below what was just measured to pass. Calls
are reckoned with when they were sent: when they are answered, jitter would be taken for rate.
`docs/performance.md` draws it against a bucket that changes; ADR 15 says why it is so.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.refunds.pacing.evidence import Evidence

FASTEST: Final = 2_500.0  # calls a second, before anything was measured
_UNDER: Final = 0.98
CHECK_UNDER: Final = 0.95
_PROBE_SECONDS: Final = 1.2
_PROBE_CALLS: Final = 65
_PROBE_DELAYS: Final = 7
_PROBE_MOST_SECONDS: Final = 6.0
_MAX_DARK_SECONDS: Final = 30.0
_MAX_ASKED_SECONDS: Final = 900.0


class Phase(StrEnum):
    """What the pace is taken from."""

    FREE = "free"  # none: refusals are weighed
    MEASURE = "measure"  # what has passed since the first refusal of it, and a little more
    # A little under what was measured: if as many are refused as before, that is not the rate.
    CHECK = "check"
    CRUISE = "cruise"  # a little under the rate, then a probe a little above it
    CLIMB = "climb"  # more passed than the rate allows: faster and faster, until refusals say stop
    DARK = "dark"  # nothing at all passes: nothing is sent, then one call


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """One call: when answered and sent, and whether it was refused for coming too fast."""

    at: float
    sent_at: float
    refused: bool
    retry_after_seconds: float = 0.0  # 0: none was named


@dataclass(slots=True)
class Rate:
    """What is known of the rate.

    Every field is plain, so that a row can keep it and another worker take it up.
    """

    phase: Phase = Phase.FREE
    per_second: float | None = None  # the rate that was measured last
    # Else the rate is a guess, and refusals at it are not known to be accidents.
    is_measured: bool = False
    before: float | None = None  # what passed before the alarm; None: there was no pace
    quiet_until: float = 0.0
    evidence: Evidence = field(default_factory=Evidence)
    latency: float = 0.05
    lag: float = 0.0  # how late it learns of an answer, and those who call of it
    top: float = FASTEST  # the pace of a climb, and the most of a measure
    anchor: float | None = None  # the last moment at which the upstream's bucket was empty for sure
    since_anchor: int = 0  # calls that passed since
    measured_at: float = 0.0  # calls sent before say nothing of the pace since
    refused_in_a_row: int = 0
    passed_at: float = 0.0
    least_asked: float | None = None  # the smallest Retry-After since something passed in the dark
    dark_seconds: float = 1.0
    expected: float = 0.0  # refusals that a bucket would have made of the calls since the alarm
    after: int = 0  # calls since the alarm, or since the check began
    refused_after: int = 0
    alarm_share: float = 0.0
    steps: int = 0
    step_at: float = 0.0
    sent: int = 0  # calls since the last step
    short: int = 0
    climbed: list[float] = field(default_factory=list)  # the paces of the last three steps

    @property
    def delay(self) -> float:
        """From a call's departure to the pace that it changes."""
        return max(self.latency + 1.5 * self.lag, 0.001)

    @property
    def known_from(self) -> float:
        """The first moment at which calls were surely sent at the present pace.

        By then it has been published, played, and published again.
        """
        return self.measured_at + 3 * self.lag

    def pace(self, now: float) -> float | None:
        """Calls a second of all who share the account; None: there is no pace."""
        match self.phase:
            case Phase.FREE:
                return None
            case Phase.MEASURE:
                return min(self.top, self.evidence.passing_a_second)
            case Phase.CHECK:
                return self.known * CHECK_UNDER
            case Phase.CRUISE if now - (self.anchor or 0.0) < self.probe_after + self.delay:
                return self.known * _UNDER
            case Phase.CRUISE:  # so that about one call too many is under way when we learn of it
                more = max(1.0, 0.01 * self.known) / (self.known * self.delay)
                return self.known * (1 + max(0.03, min(0.5, more)))
            case Phase.CLIMB | Phase.DARK:
                return self.top

    def went(self, calls: int = 1) -> None:
        """Say that calls were sent."""
        self.sent += calls

    def resume(self, now: float) -> None:
        """Begin again at the last rate, after a time without calls.

        What the bucket saved up meanwhile is not known.
        """
        if self.phase in {Phase.FREE, Phase.DARK}:
            return
        if self.per_second is None and self.before is None:
            self.go_free()
        else:
            self.cruise(now, self.per_second or self.before or 1.0)
            self.measured_at = now

    @property
    def known(self) -> float:
        """The rate, or the slowest where none was measured."""
        return self.per_second or 1.0

    @property
    def probe_after(self) -> float:
        """Seconds from a moment at which the bucket was empty to the next probe."""
        at_least = max(_PROBE_SECONDS, _PROBE_CALLS / self.known, _PROBE_DELAYS * self.delay)
        return min(_PROBE_MOST_SECONDS, at_least)

    def measure(self, now: float) -> None:
        """Take the pace from what passes: refusals are surely of it."""
        match self.phase:
            case Phase.FREE:
                self.before, self.top = None, FASTEST
            case Phase.CRUISE:
                self.before = self.per_second
            case _:
                self.before = self.top
        self.phase, self.measured_at = Phase.MEASURE, now
        self.alarm_share = self.evidence.share
        self.expected, self.after, self.refused_after = 0.0, 0, 0
        self.evidence.heard_to = max(self.evidence.heard_to, self.evidence.first_at)

    def cruise(self, anchor: float, per_second: float, *, is_measured: bool = True) -> None:
        """Go at this rate; at the anchor its bucket was empty."""
        self.is_measured = is_measured
        self.phase, self.per_second = Phase.CRUISE, max(1.0, per_second)
        self.anchor, self.since_anchor = anchor, 0
        self.evidence.weight = 0.0

    def climb(self, now: float, pace: float, *, steps: int) -> None:
        """Go faster and faster, from this pace on."""
        self.phase, self.top, self.steps = Phase.CLIMB, pace, steps
        self.step_at, self.sent, self.short = now, 0, 0
        self.climbed, self.evidence.weight = [pace], 0.0

    def go_free(self) -> None:
        """Have no pace."""
        self.phase, self.evidence.weight = Phase.FREE, 0.0

    def darken(self, now: float, retry_after_seconds: float) -> None:
        """Send nothing for as long as was asked, then one call."""
        if self.phase in {Phase.CRUISE, Phase.CHECK}:
            self.before = self.per_second
        self.phase, self.evidence.weight = Phase.DARK, 0.0
        asked = retry_after_seconds or self.dark_seconds
        self.dark_seconds = min(_MAX_DARK_SECONDS, 2 * self.dark_seconds)
        self.quiet_until = max(self.quiet_until, now + min(asked, _MAX_ASKED_SECONDS))
        self.top, self.least_asked = 1.0, None
