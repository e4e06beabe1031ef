"""Following a job: refunds as they become final, progress as it changes, the end.

Outcomes are numbered in the order in which they were committed, so a follower that comes back with
the last number it saw misses nothing. A step reads what has come since that number; counting the
whole job is left to `watch`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from app.cancellation.read import JobView
from app.cancellation.watch import same, watch
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.refunds import refund_pages
from app.domain.nouns.cancellations import Refund

_ROWS_AT_ONCE: Final = 500
_SHORTEST_PAUSE_SECONDS: Final = 0.1
_MAX_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class FollowStep:
    """What has happened since the last step.

    Outcomes up to number `seq`, the job if it was counted again, and the end.
    """

    settled: Sequence[Refund]
    seq: int
    job: JobView | None
    ended: bool  # the job is there, and is as it ended


async def follow(
    db: Database, business_id: str, job_id: str, *, after_seq: int, stopping: asyncio.Event
) -> AsyncIterator[FollowStep | None]:
    """Steps from after outcome `after_seq` on, the first at once.

    None where nothing has happened for a while. Ends with the job, or when the server stops.
    """
    seen = watch(job_id)
    seq = after_seq
    shown: JobView | None = None
    pause = _SHORTEST_PAUSE_SECONDS
    while not stopping.is_set():
        async with db.snapshot() as conn:
            job = await jobs.get(conn, business_id, job_id)
            assert job is not None
            settled = await refund_pages.settled_since(conn, job_id, seq=seq, limit=_ROWS_AT_ONCE)
        seq = (settled[-1].outcome_seq or seq) if settled else seq
        caught_up = len(settled) < _ROWS_AT_ONCE
        is_final = caught_up and job.due_at is None
        view = await seen.view_of(db, job, at_once=is_final)
        # What the view has counted beyond these rows is still to be shown: the job may go on, or a
        # late word has come.
        ended = is_final and same(view.job, job)
        step = None
        if settled or ended or view is not shown:
            step = FollowStep(settled, seq, view if ended or view is not shown else None, ended)
        yield step
        if ended:
            return
        shown = view
        pause = _SHORTEST_PAUSE_SECONDS if step else min(pause * 1.5, _MAX_PAUSE_SECONDS)
        if caught_up:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
