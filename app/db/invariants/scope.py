"""Which rows an invariant looks at, and what it answers.

It answers with the job's id and the row's, of each row that breaks the rule.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.db.tables import jobs

Rows = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class CheckScope:
    """Which rows are checked: of one business or all, and of which jobs.

    Of every job, or only of those that are open or have ended `since`.
    """

    business_id: str | None = None
    since: dt.datetime | None = None

    def of(
        self, business_id: sa.ColumnElement[str], job_id: sa.ColumnElement[Any] | None = None
    ) -> sa.ColumnElement[bool]:
        """The condition on rows that belong to this business and this job."""
        conditions: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.business_id is not None:
            conditions.append(business_id == self.business_id)
        if self.since is not None and job_id is not None:
            ended = sa.or_(jobs.c.finished_at.is_(None), jobs.c.finished_at >= self.since)
            conditions.append(job_id.in_(sa.select(jobs.c.id).where(ended)))
        return sa.and_(*conditions)


def text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """An id as text, whatever the database keeps it as."""
    return sa.cast(column, sa.Text)
