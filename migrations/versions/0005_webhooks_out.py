"""Webhooks out: endpoints, events, their deliveries and the attempts at them."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of webhook endpoints, events, deliveries and attempts."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("event_types", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_secret_until", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("disabled_because", sa.String(length=16), nullable=True),
        sa.Column("failing_since", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("created_at", app.db.core.dialect.Instant(), nullable=False),
        sa.CheckConstraint(
            "(status = 'disabled') = (disabled_because IS NOT NULL)",
            name=op.f("ck_webhook_endpoints_disabled_for_a_reason"),
        ),
        sa.CheckConstraint(
            "status IN ('enabled', 'disabled')", name=op.f("ck_webhook_endpoints_status_known")
        ),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_secret_until IS NULL)",
            name=op.f("ck_webhook_endpoints_secrets_overlap_until_when"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_webhook_endpoints_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        "endpoints_of_business", "webhook_endpoints", ["business_id", "id"], unique=False
    )

    op.create_table(
        "webhook_events",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "type IN ('bulk_cancellation.accepted', 'session.cancelled', 'refund.succeeded', 'refund.failed', 'bulk_cancellation.completed', 'bulk_cancellation.withdrawn', 'webhook_endpoint.disabled', 'webhook_endpoint.test')",
            name=op.f("ck_webhook_events_type_known"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_webhook_events_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index("events_of_business", "webhook_events", ["business_id", "id"], unique=False)

    op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("event_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("due_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'pending') = (due_at IS NOT NULL)",
            name=op.f("ck_webhook_deliveries_pending_ones_are_due"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed')",
            name=op.f("ck_webhook_deliveries_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id_webhook_endpoints"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["webhook_events.id"],
            name=op.f("fk_webhook_deliveries_event_id_webhook_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "event_id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "deliveries_due",
        "webhook_deliveries",
        ["endpoint_id", "due_at", "event_id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("deliveries_of_event", "webhook_deliveries", ["event_id"], unique=False)

    op.create_table(
        "webhook_attempts",
        sa.Column("endpoint_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("event_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ended_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.Column("response", sa.String(length=1024), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id", "event_id"],
            ["webhook_deliveries.endpoint_id", "webhook_deliveries.event_id"],
            name=op.f("fk_webhook_attempts_endpoint_id_webhook_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "endpoint_id", "event_id", "epoch", name=op.f("pk_webhook_attempts")
        ),
    )


def downgrade() -> None:
    """Drop these tables, with all that is in them."""
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_events", "webhook_endpoints"):
        op.drop_table(table)
