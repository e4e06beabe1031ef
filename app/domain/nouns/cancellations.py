"""What a job chose, as a value that every layer may name."""

import datetime as dt
from typing import NamedTuple

from app.domain.statuses import SessionOutcome


class SessionOfJob(NamedTuple):
    """A session that a job chose, as it was then, and what became of it.

    `held_by_job_id` is the job that has it where this one could not. `position` is its place among
    the accepted ones, `seq` among all.
    """

    outcome: SessionOutcome
    session_id: str
    seq: int
    position: int | None
    held_by_job_id: str | None
    name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str
    location: str | None
    instructor: str | None
