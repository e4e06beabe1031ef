"""A world in virtual time: workers pace their calls against an upstream that refuses.

They do so by the product's own rate. Nothing waits and nothing is drawn but from a seed, so a
scenario is the same on every machine. Each worker has up to 64 calls in flight and an endless
backlog; a call costs it 0.4 ms; a refused refund comes back when the product says so.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from app.refunds.pacing.rate import AnsweredCall
from app.refunds.pacing.sharing import PUBLISH_EVERY_SECONDS, AccountRate, Kept
from app.refunds.policy import AttemptContext, not_done

SLOTS: Final = 64
CPU_SECONDS: Final = 0.0004
_LOOKS_SECONDS: Final = 1.0  # how often a free worker reads the row

UpstreamAnswer = tuple[bool, float | None]  # whether it passed; Retry-After
Ask = Callable[[float], UpstreamAnswer]


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds a second's worth.

    `changes` are (at, calls a second); strays are refused besides.
    """

    rate: float
    changes: Sequence[tuple[float, float]] = ()
    says: Callable[[float], float | None] = math.ceil
    stray: float = 0.0
    random: Random = field(default_factory=lambda: Random(1))
    tokens: float = -1.0
    at: float = 0.0

    def __call__(self, now: float) -> UpstreamAnswer:
        for at, rate in self.changes:
            if self.at < at <= now:
                self._fill(at)
                self.rate = rate
        self._fill(now)
        if self.stray and self.random.random() < self.stray:
            return False, self.says(1.0)
        if self.tokens < 1:
            return False, self.says((1 - self.tokens) / self.rate)
        self.tokens -= 1
        return True, None

    def _fill(self, now: float) -> None:
        room = max(1.0, self.rate)
        self.tokens = (
            room
            if self.tokens < 0
            else min(room, self.tokens + max(0.0, now - self.at) * self.rate)
        )
        self.at = max(self.at, now)


@dataclass(slots=True)
class Stray:
    """Takes everything, and refuses a share of it by accident."""

    share: float
    retry_after: float | None
    random: Random = field(default_factory=lambda: Random(1))

    def __call__(self, now: float) -> UpstreamAnswer:
        return (False, self.retry_after) if self.random.random() < self.share else (True, None)


@dataclass(slots=True)
class Windows:
    """So many calls in each window of seconds, then none until it ends; Retry-After says when."""

    calls: int
    seconds: float
    number: int = -1
    used: int = 0

    def __call__(self, now: float) -> UpstreamAnswer:
        if int(now / self.seconds) > self.number:
            self.number, self.used = int(now / self.seconds), 0
        self.used += 1
        if self.used > self.calls:
            return False, math.ceil((self.number + 1) * self.seconds - now)
        return True, None


@dataclass(slots=True)
class Worker:
    rate: AccountRate
    begins_at: float = 0.0
    window: int = 8  # grows by one with each success
    flying: int = 0
    busy_until: float = 0.0
    wakes_at: float = math.inf
    put_off: list[tuple[float, int, int]] = field(default_factory=list)  # (due, number, refusals)
    passed: list[float] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """Workers of one account at one upstream; `passed` and `refused` are when its answers came."""

    upstream: Ask
    latency: float = 0.05
    workers: list[Worker] = field(default_factory=list)
    kept: Kept | None = None
    began_at: float = 0.0
    passed: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    # Of the first worker, at each tenth of a second.
    paces: list[tuple[float, float | None]] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))
    _events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _order: itertools.count = field(default_factory=itertools.count)

    def join(self, *, at: float = 0.0) -> Worker:
        """Have one more worker begin at that moment."""
        self.workers.append(Worker(AccountRate(f"worker-{len(self.workers)}"), at))
        return self.workers[-1]

    def run(self, seconds: float) -> "World":
        """Have all begin, and go on until this moment."""
        for worker in self.workers or [self.join()]:
            begins_at = max(self.began_at, worker.begins_at)
            self._at(
                begins_at, lambda now, worker=worker: self._tick(now, worker, looked_at=-math.inf)
            )
        return self.run_on(seconds)

    def run_on(self, seconds: float) -> "World":
        """Go on until this moment."""
        while self._events and self._events[0][0] <= seconds:
            now, _, event = heapq.heappop(self._events)
            event(now)
        return self

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    def _tick(self, now: float, worker: Worker, looked_at: float) -> None:
        if not worker.rate.is_free:
            self.kept = worker.rate.publish(self.kept, now)
        elif now - looked_at >= _LOOKS_SECONDS - 1e-9:
            looked_at = now
            worker.rate.take_up(self.kept, now)
        if worker is self.workers[0]:
            self.paces.append((now, worker.rate.rate.pace(now)))
        self._pump(now, worker)
        self._at(now + PUBLISH_EVERY_SECONDS, lambda then: self._tick(then, worker, looked_at))

    def _pump(self, now: float, worker: Worker) -> None:
        while worker.flying < min(SLOTS, worker.window):
            wait = max(worker.busy_until - now, worker.rate.wait(now))
            if wait > 1e-9:
                if now + wait < worker.wakes_at - 1e-9:
                    worker.wakes_at = now + wait
                    self._at(worker.wakes_at, lambda then: self._wake(then, worker))
                return
            refusals = 0
            if worker.put_off and worker.put_off[0][0] <= now:
                _, _, refusals = heapq.heappop(worker.put_off)
            worker.rate.went(now)
            worker.flying += 1
            worker.busy_until = max(now, worker.busy_until) + CPU_SECONDS
            passed, asked = self.upstream(now + self._took() / 2)
            self._at(
                now + self._took(),
                lambda then, sent=now, n=refusals, passed=passed, asked=asked: self._answered(
                    then, worker, sent, n, passed=passed, asked=asked
                ),
            )

    def _wake(self, now: float, worker: Worker) -> None:
        if now >= worker.wakes_at - 1e-9:
            worker.wakes_at = math.inf
        self._pump(now, worker)

    def _answered(
        self,
        now: float,
        worker: Worker,
        sent: float,
        refusals: int,
        *,
        passed: bool,
        asked: float | None,
    ) -> None:
        worker.flying -= 1
        worker.rate.receive(AnsweredCall(now, sent, not passed, asked or 0.0))
        if worker.rate.is_new:  # an alarm is told at once
            self.kept = worker.rate.publish(self.kept, now)
        if passed:
            worker.window += 1
            worker.passed.append(now)
            self.passed.append(now)
        else:
            self.refused.append(now)
            context = AttemptContext(
                attempts=1,
                age_seconds=60.0,
                give_up_after_seconds=1e9,
                jitter=self.random.random(),
                in_vain=refusals,
            )
            put_off = not_done(
                context, "throttled", "wait", retry_after_seconds=asked, throttled=True
            )
            assert put_off.due_in_seconds is not None
            due = now + put_off.due_in_seconds
            heapq.heappush(worker.put_off, (due, next(self._order), refusals + 1))
        self._pump(now, worker)

    def _took(self) -> float:
        return self.latency * (0.8 + 0.4 * self.random.random())

    # What is asked of it.

    def goodput(self, since: float, until: float) -> float:
        """Calls a second that passed between two moments."""
        return sum(since <= at < until for at in self.passed) / (until - since)

    def share_refused(self, since: float, until: float) -> float:
        """The share of answers between two moments that were refusals."""
        good, bad = (
            sum(since <= at < until for at in times) for times in (self.passed, self.refused)
        )
        return bad / max(1, good + bad)

    def follows(self, at: float, limit: float, *, within: float = 30.0) -> float:
        """Seconds from a change to the first second at the new limit.

        In it nine tenths of the limit pass and at most a tenth is refused.
        """
        for tenth in range(int(10 * within)):
            begin = at + tenth / 10
            if (
                self.goodput(begin, begin + 1) >= 0.9 * limit
                and self.share_refused(begin, begin + 1) <= 0.1
            ):
                return begin - at
        return math.inf
