"""Hooks in: the ids of events that have counted, and that a refund has been spoken of."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the ids of hooks' events, and when a refund was spoken of."""
    op.add_column("refunds", sa.Column("hinted_at", app.db.core.dialect.Instant(), nullable=True))
    op.create_table(
        "hook_events",
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", app.db.core.dialect.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_hook_events")),
    )
    op.create_index("hook_events_by_age", "hook_events", ["received_at"], unique=False)


def downgrade() -> None:
    """Drop the ids of hooks' events, and when refunds were spoken of."""
    op.drop_table("hook_events")
    op.drop_column("refunds", "hinted_at")
