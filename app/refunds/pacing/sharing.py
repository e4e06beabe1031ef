"""One rate for all workers of an account.

While it is free each weighs for itself; once it is not, one row decides. Pure: the row and the
database's clock are given. What a worker received since it published last is played on the row's
rate; so two workers at one bucket are one probe, and each has the part of the pace that falls to
those who are awake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Final

import orjson

from app.refunds.pacing.evidence import Evidence
from app.refunds.pacing.rate import AnsweredCall, Phase, Rate
from app.refunds.pacing.weighing import weigh_answer

PUBLISH_EVERY_SECONDS: Final = 0.1
_LAG_SECONDS: Final = PUBLISH_EVERY_SECONDS
_AWAKE_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 2.0  # nobody published for so long: nobody calls
REMEMBERED_SECONDS: Final = 600.0  # a rate that was published longer ago says nothing
_LATE_SECONDS: Final = 0.02  # a turn that was missed by less is made up for
_SLOWEST: Final = 0.2
# Refusals close together in a climb, which reach the row a few tenths of a second after us.
_BRAKE_ACCIDENTS: Final = 0.05
_BRAKE_SURE: Final = 6.0
_BRAKED_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Kept:
    """The row: the rate as JSON, who published lately, and how often it was written."""

    version: int
    published_at: float
    state: str
    awake: Mapping[str, float]  # when each worker published last, of those that call

    @property
    def rate(self) -> Rate:
        """The rate that is kept, without what other versions of this software kept beside it."""
        known: dict[str, Any] = orjson.loads(self.state)["rate"]
        evidence = Evidence(**_fields_of(Evidence, known.pop("evidence", {})))
        rate = Rate(**_fields_of(Rate, known), evidence=evidence)
        rate.phase = Phase(rate.phase)
        return rate

    @property
    def waiting(self) -> list[AnsweredCall]:
        """What was published and not played yet."""
        return [AnsweredCall(*one) for one in orjson.loads(self.state)["waiting"]]

    def is_live(self, now: float) -> bool:
        """Whether somebody is at a pace by it."""
        return now - self.published_at <= _IDLE_SECONDS


def _fields_of(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in kind.__dataclass_fields__ if name in given}  # type: ignore[attr-defined]


@dataclass(slots=True)
class AccountRate:
    """A worker's view of an account's rate.

    Its part of the pace, and what it received and has not published yet.
    """

    worker: str
    rate: Rate = field(default_factory=Rate)
    version: int | None = None  # of the row that the rate is of; None: it is the worker's own
    awake: int = 1
    _received: list[AnsweredCall] = field(default_factory=list)
    _sent: int = 0
    _went_at: float = float("-inf")
    _active_at: float = float("-inf")  # it last called, or wanted to
    _wants: bool = False  # it has since it published last
    _climb: Evidence = field(default_factory=Evidence)  # what it received itself while all climb
    _braked_until: float = float("-inf")

    @property
    def is_free(self) -> bool:
        """Whether there is no pace, and nothing to publish."""
        return self.rate.phase is Phase.FREE and self.version is None

    @property
    def is_new(self) -> bool:
        """Whether the row does not know of the pace yet."""
        return self.rate.phase is not Phase.FREE and self.version is None

    @property
    def has_news(self) -> bool:
        """Whether there is something to publish."""
        is_over = self.rate.phase is Phase.FREE
        return self.is_new or (
            self.version is not None and (is_over or self._wants or bool(self._received))
        )

    @property
    def quiet_until(self) -> float:
        """Until when nothing may go."""
        return self.rate.quiet_until

    def pace(self, now: float) -> float | None:
        """This worker's calls a second; None: as many as its window lets go."""
        pace = self.rate.pace(now)
        if pace is None:
            return None
        if self._is_braked(now):  # by what it received itself; the row has less
            return min(self.rate.top / self.awake, self._climb.passing_a_second)
        return max(_SLOWEST, pace) / self.awake

    def wait(self, now: float) -> float:
        """Seconds until the next call's turn; 0 or less: it has come.

        Turns are evenly spaced.
        """
        pace = self.pace(now)
        if pace is None:
            return 0.0
        self._is_active(now)
        return max(self.rate.quiet_until, self._went_at + 1 / pace) - now

    def went(self, now: float) -> None:
        """Say that a call takes its turn now, or goes without one."""
        if self.is_free:
            return
        self._is_active(now)
        pace = self.pace(now)
        self._went_at = now if pace is None else max(self._went_at + 1 / pace, now - _LATE_SECONDS)
        self._sent += 1
        if self.awake == 1:
            self.rate.went()

    def receive(self, one: AnsweredCall) -> None:
        """Learn from an answer: alone at once, else when workers have published."""
        self._active_at = one.at
        if self.version is None:
            weigh_answer(self.rate, one)
            return
        self._received.append(one)
        if self.awake == 1:
            weigh_answer(self.rate, one)
        elif self._is_braked(one.at):
            self._climb.count(one.sent_at, refused=one.refused)
        elif self.rate.phase is Phase.CLIMB:
            self._weigh_climb(one)
        else:
            self._climb.weight = 0.0

    def take_up(self, kept: Kept | None, now: float) -> None:
        """Read the row while there is nothing to publish.

        Others may have a pace, or this account had one minutes ago.
        """
        if kept is None or kept.version == self.version or self.has_news:
            return
        rate = kept.rate
        is_over = rate.phase is Phase.FREE
        if self.version is None and (is_over or now - kept.published_at > REMEMBERED_SECONDS):
            return
        self._adopt(kept, rate, now)
        if is_over:
            self.version = None
        elif not kept.is_live(now):
            self.rate.resume(now)

    def publish(self, kept: Kept | None, now: float) -> Kept:
        """What the row is to be once this worker has published; taken up at once."""
        awake = {} if kept is None else kept.awake
        others = {name: at for name, at in awake.items() if now - at <= _AWAKE_SECONDS}
        if kept is not None and self._is_another(kept, now):
            self._adopt(kept, kept.rate, now)
        elif self.awake == 1:
            self._received.clear()  # it has been played already
            self._sent = 0
        waiting = self._play([] if kept is None else kept.waiting, now)
        self._sent, self._wants = 0, False
        if now - self._active_at <= _AWAKE_SECONDS:
            others[self.worker] = now
        self._share(others)
        state = orjson.dumps(
            {"rate": asdict(self.rate), "waiting": [astuple(one) for one in waiting]}
        ).decode()
        written = Kept(0 if kept is None else kept.version + 1, now, state, others)
        self.version = None if self.rate.phase is Phase.FREE else written.version
        return written

    def _weigh_climb(self, one: AnsweredCall) -> None:
        """Go back to what passes as soon as a climb is refused.

        Until all have published it, the climb would go on.
        """
        self._climb.accidents = self.rate.evidence.accidents
        if self._climb.weigh(
            one.sent_at, refused=one.refused, base=_BRAKE_ACCIDENTS, sure=_BRAKE_SURE
        ):
            self._climb.weight = 0.0
            self._braked_until = one.at + _BRAKED_SECONDS

    def _is_braked(self, now: float) -> bool:
        return (
            now < self._braked_until
            and self.awake > 1
            and self.rate.phase in {Phase.CLIMB, Phase.MEASURE}
        )

    def _is_active(self, now: float) -> None:
        if self.awake == 1 and now - self._active_at > _IDLE_SECONDS:
            self.rate.resume(now)
        self._active_at, self._wants = now, True

    def _is_another(self, kept: Kept, now: float) -> bool:
        """Whether the row's rate is to be gone by.

        So it is where others have published since, or were at a pace before this one was.
        """
        if self.version is None:
            return kept.is_live(now) and kept.rate.phase is not Phase.FREE
        return kept.version != self.version

    def _adopt(self, kept: Kept, rate: Rate, now: float) -> None:
        self.rate, self.version = rate, kept.version
        self._share({name: at for name, at in kept.awake.items() if now - at <= _AWAKE_SECONDS})

    def _share(self, awake: Mapping[str, float]) -> None:
        self.awake = len(awake.keys() | {self.worker})
        self.rate.lag = 0.0 if self.awake == 1 else _LAG_SECONDS

    def _play(self, waiting: Sequence[AnsweredCall], now: float) -> list[AnsweredCall]:
        """Play what all have received, in the order in which it was received.

        An answer waits, and is returned, while others may yet publish an earlier one.
        """
        received = sorted([*waiting, *self._received], key=_answered_at)
        self._received.clear()
        until = now - (PUBLISH_EVERY_SECONDS if self.awake > 1 else 0.0)
        self.rate.went(self._sent)
        for one in received:
            if one.at <= until:
                weigh_answer(self.rate, one)
        return [one for one in received if one.at > until]


def _answered_at(one: AnsweredCall) -> float:
    return one.at
