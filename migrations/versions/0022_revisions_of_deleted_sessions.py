"""Revisions of sessions that are gone, for those that are made anew under their ids."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of deleted sessions' revisions."""
    op.create_table(
        "deleted_sessions",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_deleted_sessions_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_deleted_sessions")),
    )


def downgrade() -> None:
    """Drop the table of deleted sessions' revisions."""
    op.drop_table("deleted_sessions")
