"""When a check's calls go: behind refunds, and never many.

A check is a guest at the account's rate. It goes by what the workers have found and learns for
itself alone: a service that takes fewer reads than refunds must slow down no refund. What it is
refused, and whatever a refund's lane in this process stays away for, pauses all of it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from app.db.core.outage import is_outage
from app.gateways.facts import BalanceAnswer, FactsUnknown, PaymentAnswer
from app.gateways.outcomes import PaymentAccount, UpstreamMethod
from app.refunds import rate_limit
from app.refunds.pacing.instrumented import signal_of
from app.refunds.pacing.pace import Account, Admission, Pace, Signal
from app.refunds.rate_limit import RateLimit
from app.refunds.rate_publisher import RatePublisher
from app.refunds.runtime import Runtime

log = structlog.get_logger()

# Of the calls that an account takes, and of those that may be in flight: refunds keep three of four
# at the least, and a check of a thousand lines at Stripe's 25 calls a second takes three minutes.
SHARE: Final = 0.25
_LOOKS_SECONDS: Final = 0.1  # how often who waits sees whether the wait is over
_READ_EVERY_SECONDS: Final = 1.0  # what others know of the account's rate
_FIRST_PAUSE_SECONDS: Final = 1.0  # after a refusal that names none; doubled with each in a row
_MAX_PAUSE_SECONDS: Final = 30.0
_JITTER: Final = 0.1

A = TypeVar("A", PaymentAnswer, BalanceAnswer)


@dataclass(slots=True)
class Turns:
    """The turns of one check at its business's payment account."""

    runtime: Runtime
    business_id: str
    account: Account
    publisher: RatePublisher
    limit: RateLimit | None
    ends_at: float  # by the paces' clock
    pace: Pace = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _went_at: float = float("-inf")
    _paused_until: float = float("-inf")
    _pause_seconds: float = _FIRST_PAUSE_SECONDS

    def __post_init__(self) -> None:
        paces = self.runtime.paces

        def share() -> int:
            return int(SHARE * paces.window(self.business_id, UpstreamMethod.PAYMENT))

        most = max(1, int(SHARE * self.runtime.settings.concurrency))
        self.pace = Pace(most, share, self.runtime.jitter, paces.clock)

    async def ask(self, read: Callable[[], Awaitable[A]]) -> A | FactsUnknown | None:
        """Make a read at its turn; None: there is no time left for it.

        It is made again only where the service says that it has not been made, for lack of room.
        """
        while await self._enter():
            sent_at = self.pace.clock()
            answer: A | FactsUnknown | None = None
            try:
                answer = await _made(read)
            finally:
                self._leave(answer, sent_at)
            if not (isinstance(answer, FactsUnknown) and answer.limit is not None):
                return answer
        return None

    async def _enter(self) -> bool:
        while self._seconds_left > 0:
            if await self.pace.enter(repeat=False) is Admission.GO:
                goes = False
                try:
                    goes = await self._take_turn()
                finally:
                    if not goes:
                        self.pace.leave(None, repeat=False)
                return goes
            if self.pace.quiet_seconds > self._seconds_left:
                return False
            await asyncio.sleep(max(self.pace.quiet_seconds, _LOOKS_SECONDS))
        return False

    async def _take_turn(self) -> bool:
        """Wait for the next turn; False: it would come too late."""
        async with self._turn:
            while (wait := await self._wait_seconds()) > 0:
                if wait > self._seconds_left:
                    return False
                await asyncio.sleep(min(wait, _LOOKS_SECONDS))
            self._went_at = self.pace.clock()
            if self.account.publishers:  # refunds' turns in this process come the later
                self.account.rate.went(self._went_at + self.account.ahead_seconds)
            return True

    async def _wait_seconds(self) -> float:
        """Seconds until there may be a turn; 0 or less: it is taken."""
        await self._read_rate()
        now = self.pace.clock()
        quiet = max(
            self._paused_until - now,
            self.account.rate.quiet_until - now - self.account.ahead_seconds,
            self.runtime.paces.quiet_seconds(self.business_id, UpstreamMethod.PAYMENT),
        )
        if quiet > 0:
            return quiet
        per_second = self._per_second(now + self.account.ahead_seconds)
        spaced = 0.0 if per_second is None else self._went_at + 1 / per_second - now
        return spaced if spaced > 0 or self.limit is None else await self._granted(self.limit)

    def _per_second(self, account_now: float) -> float | None:
        """Its share of the account's calls; None: nobody has found a rate, nor set one."""
        # The rate of all workers, not this one's part of it.
        found = self.account.rate.rate.pace(account_now)
        set_ = None if self.limit is None else self.limit.per_second
        known = [one for one in (found, set_) if one is not None]
        return max(min(known) * SHARE, 0.01) if known else None

    async def _granted(self, limit: RateLimit) -> float:
        """Have a call granted, for no seconds; or how long there will be none."""
        if not limit.is_short:
            try:
                if await rate_limit.acquire(self.runtime, limit, wanted=1):
                    return 0.0
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("plan_check.no_budget", error=type(error).__name__)
                return _READ_EVERY_SECONDS
        return max(limit.retry_at - time.monotonic(), _LOOKS_SECONDS)

    async def _read_rate(self) -> None:
        """Take up what others know of the account's rate, unless refunds do so here already."""
        is_old = self.pace.clock() - self.account.published_at >= _READ_EVERY_SECONDS
        if is_old and not self.account.publishers:
            await self.publisher.begin()

    def _leave(self, answer: PaymentAnswer | BalanceAnswer | None, sent_at: float) -> None:
        signal, asked = _signal_of(answer)
        is_refusal = isinstance(answer, FactsUnknown) and answer.limit is not None
        if is_refusal or asked:
            self._pause(asked)
        elif signal is Signal.WELL:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        if signal in {Signal.WELL, Signal.THROTTLED}:
            refused = signal is Signal.THROTTLED
            self.pace.answered(sent_at, refused=refused, retry_after_seconds=asked)
        self.pace.leave(signal, repeat=False, retry_after_seconds=asked)

    def _pause(self, asked_seconds: float) -> None:
        now = self.pace.clock()
        seconds = asked_seconds or self._pause_seconds
        if not asked_seconds and now >= self._paused_until:
            self._pause_seconds = min(_MAX_PAUSE_SECONDS, 2 * self._pause_seconds)
        until = now + seconds * (1 + _JITTER * self.runtime.jitter())
        self._paused_until = max(self._paused_until, until)

    @property
    def _seconds_left(self) -> float:
        return self.ends_at - self.pace.clock()


def turns_of(
    runtime: Runtime, business_id: str, payment_account: PaymentAccount, *, seconds: float
) -> Turns:
    """The turns of a check that is to end within so many seconds."""
    method = UpstreamMethod.PAYMENT
    name = rate_limit.pace_of_account(runtime, method, payment_account, business_id)
    account = runtime.paces.account(name)
    return Turns(
        runtime,
        business_id,
        account,
        RatePublisher(runtime, name, account),
        rate_limit.limit_of_payments(runtime, payment_account, business_id),
        runtime.paces.clock() + seconds,
    )


async def _made(read: Callable[[], Awaitable[A]]) -> A | FactsUnknown:
    try:
        return await read()
    except Exception as error:
        log.exception("plan_check.read_failed")
        return FactsUnknown(f"internal: {type(error).__name__}")


def _signal_of(answer: PaymentAnswer | BalanceAnswer | None) -> tuple[Signal | None, float]:
    """What an answer says of the upstream, and how long to leave it."""
    match answer:
        case None:
            return None, 0.0  # given up while it was under way
        case FactsUnknown(_, asked, limit):
            return signal_of(limit), asked or 0.0
        case _:
            return Signal.WELL, 0.0
