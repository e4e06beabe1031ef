"""Indexes for what is looked up across businesses: the sessions of a job, and the jobs that ended lately."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes of a job's sessions and of jobs by their end."""
    op.create_index(
        "sessions_of_job",
        "sessions",
        ["job_id"],
        postgresql_where=sa.text("job_id IS NOT NULL"),
        sqlite_where=sa.text("job_id IS NOT NULL"),
    )
    op.create_index("jobs_by_end", "jobs", ["finished_at"])


def downgrade() -> None:
    """Drop both indexes."""
    op.drop_index("jobs_by_end", table_name="jobs")
    op.drop_index("sessions_of_job", table_name="sessions")
