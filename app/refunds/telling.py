"""Keeps an account's rate the same for all workers, by its row.

The row is read while the rate is free; at a pace, what was heard is told. While there is no pace
nothing is written. Without the database each worker goes on by what it knows.
"""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from app.db.core.outage import is_outage
from app.db.refunds import call_rates
from app.refunds.pacing.pace import Account
from app.refunds.pacing.rate import Phase
from app.refunds.pacing.sharing import TOLD_EVERY_SECONDS, Kept
from app.refunds.runtime import Runtime

log = structlog.get_logger()

_LOOKED_EVERY_SECONDS: Final = 1.0  # while there is nothing to tell
# Less is the time that a statement takes, and no reason to move instants that are kept.
_CLOCKS_APART_SECONDS: Final = 0.05


class Teller:
    """Tells of one lane's account for as long as its slice runs.

    Lanes of one account take turns at it.
    """

    def __init__(self, runtime: Runtime, name: str, account: Account) -> None:
        """`name` is the account's, with its upstream's."""
        self._runtime = runtime
        self._name = name
        self._account = account
        self._something = asyncio.Event()
        self._over = asyncio.Event()

    async def begin(self) -> None:
        """Take up what is known of the rate, before the first call."""
        await self._safely()

    async def keep_telling(self) -> None:
        """Tell what was heard, and look at the row, until the slice ends.

        A pace that is new is told at once, what is heard at one ten times a second; the row is
        looked at once a second.
        """
        self._account.tellers.add(self._something)
        try:
            while not self._over.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.every_seconds):
                        await self._something.wait()
                self._something.clear()
                rate = self._account.rate
                if rate.is_new or (rate.has_news if self._over.is_set() else self._is_due):
                    await self._safely()
        finally:
            self._account.tellers.discard(self._something)

    @property
    def every_seconds(self) -> float:
        """How often it sees whether there is something to tell.

        At a pace there may be at any moment.
        """
        return _LOOKED_EVERY_SECONDS if self._account.rate.is_free else TOLD_EVERY_SECONDS

    def end(self) -> None:
        """Tell the last and stop."""
        self._over.set()
        self._something.set()

    @property
    def _is_due(self) -> bool:
        every = TOLD_EVERY_SECONDS if self._account.rate.has_news else _LOOKED_EVERY_SECONDS
        return self._runtime.paces.clock() - self._account.told_at >= 0.9 * every

    async def _safely(self) -> None:
        self._account.told_at = self._runtime.paces.clock()
        try:
            await (self.tell() if self._account.rate.has_news else self.look())
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("rate.not_told", account=self._name, error=type(error).__name__)

    async def look(self) -> None:
        """Read the row, and take up what others know."""
        async with self._runtime.db.autocommit() as conn:
            row, clock = await call_rates.look(conn, self._name)
        self._set_clock(clock)
        self._account.rate.take_up(None if row is None else Kept(*row), clock)

    async def tell(self) -> None:
        """Write into the row what was newly heard, and take up what it comes to."""
        rate = self._account.rate
        phase = rate.rate.phase
        async with self._account.telling, self._runtime.db.write() as conn:
            row, clock = await call_rates.lock(conn, self._name)
            self._set_clock(clock)
            told = rate.tell(None if row is None else Kept(*row), clock)
            kept = call_rates.Row(told.version, told.told_at, told.state, told.awake)
            state = rate.rate
            if not await call_rates.write(
                conn, self._name, kept, phase=state.phase, per_second=state.per_second
            ):
                rate.version = -1  # another was the first: its row is taken up the next time
        if rate.rate.phase is not phase and Phase.FREE in {phase, rate.rate.phase}:
            log.info(
                "rate.found",
                account=self._name,
                phase=rate.rate.phase,
                per_second=rate.rate.per_second,
            )

    def _set_clock(self, clock: float) -> None:
        ahead = clock - self._runtime.paces.clock()
        if abs(ahead - self._account.ahead_seconds) > _CLOCKS_APART_SECONDS:
            self._account.ahead_seconds = ahead
