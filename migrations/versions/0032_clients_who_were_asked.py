"""Refunds of which clients may choose, by client: a job counts who was asked whenever it is read."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_ASKED = sa.text("choose_until IS NOT NULL")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "asked_of_job",
        "refunds",
        ["job_id", "client_id"],
        postgresql_where=_ASKED,
        sqlite_where=_ASKED,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("asked_of_job", "refunds")
