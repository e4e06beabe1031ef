"""Approvals as rows: limits of businesses, what jobs ask approval for, who did what to a job.

A job that asks has one row in `job_approvals`, written with it and never changed: what became of it
is the job's status, and a row in `job_actions`.
"""

import sqlalchemy as sa

from app.db.core.dialect import Instant, now
from app.db.tables import MAX_CALLER_NAME, metadata, one_of
from app.domain.statuses import JobAction

# Each version of a business's limits; the last is in force.
approval_limits = sa.Table(
    "approval_limits",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("version > 0", name="versions_from_1"),
)

job_approvals = sa.Table(
    "job_approvals",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    # Whose request it is: `key:` and a prefix, or `person:` and a subject.
    sa.Column("asked_by", sa.String(MAX_CALLER_NAME), nullable=False),
    # What was asked for: the plan's digest and totals, and the limits that it was above.
    sa.Column("plan_digest", sa.Text, nullable=False),
    sa.Column("totals", sa.JSON, nullable=False),
    sa.Column("exceeded", sa.JSON, nullable=False),
    sa.Column("hold_seconds", sa.Integer, nullable=False),  # from the approval on
    sa.Column("expires_at", Instant, nullable=False),
    sa.CheckConstraint("hold_seconds >= 0", name="holds_forward"),
)

# What was done to a job as a whole: each at most once, since each leads on to where it can't be
# done again.
job_actions = sa.Table(
    "job_actions",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("action", sa.String(16), primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    sa.Column("actor", sa.String(MAX_CALLER_NAME), nullable=False),  # as the audit prints it
    sa.Column("actor_id", sa.String(MAX_CALLER_NAME), nullable=False),  # that caller's alone
    sa.Column("acted_at", Instant, nullable=False, default=now()),
    sa.Column("note", sa.String(500)),
    sa.Column("plan_digest", sa.Text),  # of the plan that was approved, and done
    one_of("action", JobAction),
    sa.CheckConstraint(
        "(action = 'approved') = (plan_digest IS NOT NULL)", name="approved_is_a_plan"
    ),
)
