"""The chain of each job: a link for each thing done to it, and for each group of outcomes."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it: jobs that are there already have none, and get none."""
    op.create_table(
        "evidence_heads",
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.CheckConstraint("links > 0", name=op.f("ck_evidence_heads_begun")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_evidence_heads_job_id_jobs")
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_evidence_heads")),
    )
    op.create_table(
        "evidence_links",
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_evidence_links_numbered_from_1")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_evidence_links")),
    )


def downgrade() -> None:
    """Drop it: proofs that were handed out are then of chains that nobody has."""
    op.drop_table("evidence_links")
    op.drop_table("evidence_heads")
