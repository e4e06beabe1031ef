"""When clients were last named, and how far a worker has come with those who are too old."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it: of clients who are there already, and those of a build of before, it isn't known."""
    op.add_column("clients", sa.Column("seen_at", Instant(), nullable=True))
    op.add_column(
        "retention_counts",
        sa.Column("clients", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "retention_walks",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("after_client", sa.String(length=128), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_retention_walks_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_retention_walks")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("retention_walks")
    op.drop_column("retention_counts", "clients")
    op.drop_column("clients", "seen_at")
