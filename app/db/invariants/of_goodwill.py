"""What must hold of credits on top: as promised, and for whom."""

from typing import Any

import sqlalchemy as sa

from app.db.invariants.scope import CheckScope, Rows, text
from app.db.tables import job_goodwill, jobs, refunds


def grants_differ(scope: CheckScope) -> Rows:
    """Expanded jobs that give other credits on top than they promised."""
    grant = (refunds.c.job_id == jobs.c.id, refunds.c.line_no < 0)
    total = sa.func.coalesce(sa.func.sum(refunds.c.credits), 0)
    chosen = sa.exists().where(
        job_goodwill.c.job_id == refunds.c.job_id,
        job_goodwill.c.session_id == refunds.c.session_id,
        job_goodwill.c.booking_id == refunds.c.booking_id,
        job_goodwill.c.client_id == refunds.c.client_id,
    )
    count = sa.select(sa.func.count()).where(*grant)
    return sa.select(text(jobs.c.id), text(jobs.c.id)).where(
        jobs.c.expanded_sessions == jobs.c.accepted_sessions,
        sa.or_(
            _promised("goodwill_grants") != count.scalar_subquery(),
            _promised("goodwill_credits") != sa.select(total).where(*grant).scalar_subquery(),
            sa.exists().where(*grant, ~chosen),
        ),
        scope.of(jobs.c.business_id, jobs.c.id),
    )


def _promised(name: str) -> sa.ColumnElement[Any]:
    """A count of the job's totals; a job of before there was goodwill promised none."""
    return sa.func.coalesce(jobs.c.totals[name].as_integer(), 0)
