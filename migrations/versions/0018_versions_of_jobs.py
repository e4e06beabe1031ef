"""What a reader has seen of a job: a version on its row, and beside it how often its refunds were claimed."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add versions of jobs, and how often their refunds were claimed."""
    op.add_column("jobs", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "job_claims",
        sa.Column("job_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("claims", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "method", name=op.f("pk_job_claims")),
        sa.CheckConstraint("claims > 0", name=op.f("ck_job_claims_claimed_so_far")),
    )


def downgrade() -> None:
    """Drop versions of jobs, and how often their refunds were claimed."""
    op.drop_table("job_claims")
    op.drop_column("jobs", "version")
