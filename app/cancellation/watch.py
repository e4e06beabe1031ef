"""The newest view of a job, shared by everyone in this process who follows it.

A view counts all refunds of its job. So it is taken once for all followers, and having been taken
it rests for a multiple of the time that it took: however large the job and however many follow,
counting is a tenth of one connection's time at most.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from app.cancellation import read
from app.cancellation.read import JobView
from app.db.core.engine import Database
from app.db.jobs.job import Job

_RESTS_TIMES: Final = 9


@dataclass(slots=True, weakref_slot=True)
class Watch:
    """One job's view, as it was last taken; `clock` counts seconds."""

    clock: Callable[[], float] = time.monotonic
    _view: JobView | None = None
    _rests_until: float = 0.0
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def view_of(self, db: Database, job: Job, *, at_once: bool) -> JobView:
        """A view of the job: the last one taken, or a new one.

        It is taken anew where it is not as in `job` any more, once it has had its rest or
        `at_once`. Whoever comes while a view is being taken waits for that one, with no connection
        in hand.
        """
        async with self._taking:
            if self._view is None or (
                not same(self._view.job, job) and (at_once or self._has_rested)
            ):
                began = self.clock()
                self._view = await read.one(db, job.business_id, job.id)
                ended = self.clock()
                self._rests_until = ended + _RESTS_TIMES * (ended - began)
            return self._view

    @property
    def _has_rested(self) -> bool:
        return self.clock() >= self._rests_until


# By job; each is gone with its last follower.
_watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()


def watch(job_id: str) -> Watch:
    """What this process's followers of the job share.

    It lasts for as long as one of them keeps it.
    """
    return _watches.setdefault(job_id, Watch())


def same(one: Job, other: Job) -> bool:
    """Whether two readings of a job agree in all that a follower is told."""
    return _told_by(one) == _told_by(other)


def _told_by(job: Job) -> tuple[str, int, int]:
    return job.status, job.outcome_seq, job.expanded_sessions
