"""Lets a business have one check at a time, over all processes.

The lease is a row; no connection is held between its statements. Who can't renew it ends with it,
so that no two checks ask at once.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from app.db.access import plan_checks
from app.db.core.engine import Database
from app.db.core.outage import is_outage
from app.errors import Problem

log = structlog.get_logger()

_RENEWALS = 3  # in the time of a lease: two may fail


@dataclass(slots=True)
class CheckLease:
    """A check's turn; `ends_at` is by this process's clock, never later than the database's."""

    db: Database
    business_id: str
    seconds: float
    checker: str
    ends_at: float = float("-inf")
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether another may have begun."""
        return time.monotonic() >= self.ends_at

    async def claim(self) -> bool:
        """Begin, unless another is at it."""
        asked_at = time.monotonic()
        async with self.db.write() as conn:
            is_mine = await plan_checks.claim(
                conn, self.business_id, self.checker, lease_seconds=self.seconds
            )
        self.ends_at = asked_at + self.seconds
        return is_mine

    async def keep(self) -> None:
        """Renew it until it ends, or another has it, and then let others begin at once."""
        while not (self._ended.is_set() or self.is_over):
            with suppress(TimeoutError):
                async with asyncio.timeout(self.seconds / _RENEWALS):
                    await self._ended.wait()
            if not self._ended.is_set():
                await self._unless_away(self._renew)
        await self._unless_away(self._release)

    def end(self) -> None:
        """Let another begin."""
        self._ended.set()

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        async with self.db.write() as conn:
            is_mine = await plan_checks.renew(
                conn, self.business_id, self.checker, lease_seconds=self.seconds
            )
        self.ends_at = asked_at + self.seconds if is_mine else float("-inf")

    async def _release(self) -> None:
        async with self.db.write() as conn:
            await plan_checks.release(conn, self.business_id, self.checker)

    async def _unless_away(self, write: Callable[[], Awaitable[None]]) -> None:
        """While the database is away the lease runs on to its end."""
        try:
            await write()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("plan_check.lease_not_written", error=type(error).__name__)


@asynccontextmanager
async def only_check(
    db: Database, business_id: str, *, lease_seconds: float
) -> AsyncIterator[CheckLease]:
    """Be the business's only check while the block runs, or until the lease is over.

    Raises:
        Problem: 409 check-under-way.
    """
    lease = CheckLease(db, business_id, lease_seconds, str(uuid.uuid4()))
    if not await lease.claim():
        raise check_under_way(business_id)
    keeping = asyncio.create_task(lease.keep())
    try:
        yield lease
    finally:
        lease.end()
        # A task of its own: a caller who has gone has everything cancelled that awaits here.
        await asyncio.wait([keeping])


def check_under_way(business_id: str) -> Problem:
    """409: the payment service is asked about another plan of the business."""
    return Problem(
        409,
        "check-under-way",
        "Another plan is being checked",
        f"The payment service is being asked about another plan of {business_id}. Let that end.",
    )
