"""A job as a value: what an acceptance gives, and what became of it since.

The columns are named once, by the fields.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa

from app.db.tables import jobs
from app.domain.plan_totals import PlanTotals, members
from app.domain.statuses import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What an acceptance gives a job.

    `totals` are as they were promised. What it returns is said by `terms` (a whole document, begun
    from the business's version `terms_version`), or without any by `policy`; `due_at` says when a
    worker or a sweep must look at it. `messages` says who is told (a whole document); None: nobody.
    `traceparent` is what its slices' spans belong to; None: it was not traced.
    """

    id: str
    business_id: str
    idempotency_key: str
    request_fingerprint: str
    status: JobStatus
    date_from: dt.date
    date_to: dt.date
    reason: str | None
    include_attended: bool
    policy: int
    terms: Mapping[str, Any] | None = None
    terms_version: int | None = None
    hold_until: dt.datetime | None
    requested_by: str
    requested_at: dt.datetime
    due_at: dt.datetime | None
    accepted_sessions: int
    totals: PlanTotals
    messages: Mapping[str, Any] | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """A job's row.

    Sessions at places below `expanded_sessions` have their refunds, `outcome_seq` is the last
    number that an outcome was given.
    """

    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    expanded_sessions: int = 0
    outcome_seq: int = 0
    version: int = 0
    approved_at: dt.datetime | None = None

    @property
    def accepted_at(self) -> dt.datetime:
        """From when on its sessions are cancelled: its terms are reckoned from then."""
        return self.approved_at or self.requested_at

    @property
    def has_cancelled(self) -> bool:
        """Whether its sessions were ever cancelled.

        They are not before an approval, where it needs one; one withdrawn later has its lines.
        """
        if self.status in {JobStatus.AWAITING_APPROVAL, JobStatus.REFUSED}:
            return False
        is_whole = self.expanded_sessions == self.accepted_sessions
        return self.status is not JobStatus.WITHDRAWN or is_whole


# Not by a parameter: such jobs are few, and have an index of their own.
AWAITS_APPROVAL: Final = jobs.c.status == sa.literal_column(f"'{JobStatus.AWAITING_APPROVAL}'")
GIVEN: Final = tuple(each.name for each in fields(NewJob))
_NAMES: Final = {NewJob: GIVEN, Job: tuple(each.name for each in fields(Job))}
COLUMNS: Final = tuple(jobs.c[name] for name in _NAMES[Job])


def columns_of(new: NewJob) -> dict[str, Any]:
    """Its columns' values, by name."""
    values = {name: getattr(new, name) for name in _NAMES[type(new)]}
    return values | {"totals": members(new.totals)}


def job_of(row: Mapping[Any, Any]) -> Job:
    """The job that a row of `COLUMNS` is."""
    values = {column.name: row[column.name] for column in COLUMNS}
    values["status"] = JobStatus(values["status"])
    values["totals"] = PlanTotals(**values["totals"])
    return Job(**values)


def as_written(new: NewJob) -> Job:
    """The row that an acceptance writes."""
    return Job(**{name: getattr(new, name) for name in GIVEN})
