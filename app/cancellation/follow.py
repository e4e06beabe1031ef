"""Following a job: each refund as its outcome becomes final, progress as it changes, and the end.

Outcomes are numbered in the order in which they were committed, so a follower that comes back with the last number it
saw misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.cancellation.read import JobView, view
from app.db import jobs, refund_pages
from app.db.engine import Database

_ROWS_AT_ONCE: Final = 500
_SHORTEST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """What has happened since the last step: outcomes up to number `seq`, the job as it stands, whether it ended."""

    settled: Sequence[sa.RowMapping]
    seq: int
    job: JobView
    ended: bool


async def follow(
    db: Database, business_id: str, job_id: str, *, after_seq: int, stopping: asyncio.Event
) -> AsyncIterator[Step | None]:
    """Steps from after outcome `after_seq` on, the first at once; None where nothing has happened for a while.

    Ends with the job, or when the server stops.
    """
    seq = after_seq
    seen: tuple[object, ...] | None = None
    pause = _SHORTEST_PAUSE_SECONDS
    while not stopping.is_set():
        step = None
        async with db.snapshot() as conn:
            job = await jobs.get(conn, business_id, job_id)
            assert job is not None
            state = (job["status"], job["outcome_seq"], job["expanded_sessions"])
            settled = await refund_pages.settled_since(conn, job_id, seq=seq, limit=_ROWS_AT_ONCE)
            caught_up = len(settled) < _ROWS_AT_ONCE
            if settled or state != seen:
                seq = settled[-1]["outcome_seq"] if settled else seq
                step = Step(settled, seq, await view(conn, job), ended=caught_up and job["due_at"] is None)
        yield step
        if step is not None and step.ended:
            return
        pause = _SHORTEST_PAUSE_SECONDS if step else min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        seen = state
        if caught_up:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
