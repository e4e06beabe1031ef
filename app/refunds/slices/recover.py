"""The sweep: finds due jobs from rows alone.

So a lost wake, a dead worker or an absent Redis only costs time.
"""

from collections.abc import Collection
from typing import Final

from app.db.jobs import jobs
from app.fault_points import Step
from app.refunds.runtime import Runtime

# What is due later than this is left to the sweep; look-ups are due sooner.
MAX_WAKE_SECONDS: Final = 60.0


async def due_jobs(runtime: Runtime, *, limit: int, skip: Collection[str] = ()) -> list[str]:
    """Ids of due jobs, the longest due first.

    No other sweep is given them for one sweep's time.
    """
    async with runtime.db.write(Step.SWEEP, across=True) as conn:
        return await jobs.claim_due(
            conn, limit=limit, grace_seconds=runtime.settings.sweep_seconds, skip=tuple(skip)
        )


async def due_in(runtime: Runtime) -> float | None:
    """Seconds until a job is due (0 or less: one is); None: none is open."""
    async with runtime.db.read(across=True) as conn:
        return await jobs.next_due_in(conn)
