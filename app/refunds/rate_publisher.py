"""Keeps an account's rate the same for all workers, by its row.

The row is read while the rate is free; at a pace, the answers received are published. While there
is no pace nothing is written. Without the database each worker goes on by what it knows.
"""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from app.db.core.outage import is_outage
from app.db.refunds import call_rates
from app.refunds.pacing.pace import Account
from app.refunds.pacing.rate import Phase
from app.refunds.pacing.sharing import PUBLISH_EVERY_SECONDS, Kept
from app.refunds.runtime import Runtime

log = structlog.get_logger()

_READ_EVERY_SECONDS: Final = 1.0  # while there is nothing to publish
# Less is the time that a statement takes, and no reason to move instants that are kept.
_CLOCKS_APART_SECONDS: Final = 0.05


class RatePublisher:
    """Publishes the rate of one lane's account for as long as its slice runs.

    Lanes of one account take turns at it.
    """

    def __init__(self, runtime: Runtime, name: str, account: Account) -> None:
        """`name` is the account's, with its upstream's."""
        self._runtime = runtime
        self._name = name
        self._account = account
        self._wanted = asyncio.Event()
        self._over = asyncio.Event()

    async def begin(self) -> None:
        """Take up what is known of the rate, before the first call."""
        await self._synchronise()

    async def keep_publishing(self) -> None:
        """Publish the answers received, and read the row, until the slice ends.

        A new pace is published at once, answers received at a pace ten times a second; the row is
        read once a second.
        """
        self._account.publishers.add(self._wanted)
        try:
            while not self._over.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.every_seconds):
                        await self._wanted.wait()
                self._wanted.clear()
                rate = self._account.rate
                if rate.is_new or (rate.has_news if self._over.is_set() else self._is_due):
                    await self._synchronise()
        finally:
            self._account.publishers.discard(self._wanted)

    @property
    def every_seconds(self) -> float:
        """How often it sees whether there is something to publish.

        At a pace there may be at any moment.
        """
        return _READ_EVERY_SECONDS if self._account.rate.is_free else PUBLISH_EVERY_SECONDS

    def end(self) -> None:
        """Publish the last and stop."""
        self._over.set()
        self._wanted.set()

    @property
    def _is_due(self) -> bool:
        every = PUBLISH_EVERY_SECONDS if self._account.rate.has_news else _READ_EVERY_SECONDS
        return self._runtime.paces.clock() - self._account.published_at >= 0.9 * every

    async def _synchronise(self) -> None:
        self._account.published_at = self._runtime.paces.clock()
        try:
            await (self.publish() if self._account.rate.has_news else self.read())
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("rate.not_published", account=self._name, error=type(error).__name__)

    async def read(self) -> None:
        """Read the row, and take up what others know."""
        async with self._runtime.db.autocommit() as conn:
            row, clock = await call_rates.read(conn, self._name)
        self._set_clock(clock)
        self._account.rate.take_up(None if row is None else Kept(*row), clock)

    async def publish(self) -> None:
        """Write the answers received since into the row, and take up what it comes to."""
        rate = self._account.rate
        phase = rate.rate.phase
        async with self._account.publishing, self._runtime.db.write() as conn:
            row, clock = await call_rates.lock(conn, self._name)
            self._set_clock(clock)
            published = rate.publish(None if row is None else Kept(*row), clock)
            kept = call_rates.Row(
                published.version, published.published_at, published.state, published.awake
            )
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
