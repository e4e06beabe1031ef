"""For how long businesses keep who their clients are, and what was removed by age."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_JOBS = sa.text("finished_at IS NOT NULL AND forgotten_at IS NULL")
_MESSAGES = sa.text("kind = 'client' AND forgotten_at IS NULL")


def upgrade() -> None:
    """Add what says it: nothing is removed until a business has set it."""
    op.add_column("jobs", sa.Column("forgotten_at", Instant(), nullable=True))
    op.add_column("messages", sa.Column("forgotten_at", Instant(), nullable=True))
    op.create_index(
        "jobs_to_forget",
        "jobs",
        ["business_id", "finished_at"],
        postgresql_where=_JOBS,
        sqlite_where=_JOBS,
    )
    op.create_index(
        "messages_to_forget",
        "messages",
        ["business_id", "created_at"],
        postgresql_where=_MESSAGES,
        sqlite_where=_MESSAGES,
    )
    op.create_table(
        "retention_settings",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_retention_settings_versions_from_1")),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_retention_settings_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", "version", name=op.f("pk_retention_settings")),
    )
    op.create_table(
        "retention_counts",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_retention_counts_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_retention_counts")),
    )


def downgrade() -> None:
    """Drop it: what was removed stays so."""
    op.drop_table("retention_counts")
    op.drop_table("retention_settings")
    op.drop_index("messages_to_forget", table_name="messages")
    op.drop_index("jobs_to_forget", table_name="jobs")
    op.drop_column("messages", "forgotten_at")
    op.drop_column("jobs", "forgotten_at")
