"""Businesses may be suspended, and operators have keys of their own."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what an older build does without: to it no business is suspended."""
    op.add_column("businesses", sa.Column("suspended_at", Instant()))
    op.add_column("businesses", sa.Column("suspended_because", sa.String(length=500)))
    op.create_table(
        "platform_keys",
        sa.Column("id", Id(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant()),
        sa.Column("revoked_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_keys")),
        sa.UniqueConstraint("prefix"),
    )


def downgrade() -> None:
    """Drop them; who was suspended is let in again."""
    op.drop_table("platform_keys")
    with op.batch_alter_table("businesses") as businesses:
        businesses.drop_column("suspended_because")
        businesses.drop_column("suspended_at")
