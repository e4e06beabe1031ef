"""Messages: what a job tells its clients and staff, by whose words, and whom not."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant, now

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


_TYPES = (
    "bulk_cancellation.accepted",
    "session.cancelled",
    "refund.succeeded",
    "refund.failed",
    "bulk_cancellation.completed",
    "bulk_cancellation.withdrawn",
    "webhook_endpoint.disabled",
    "webhook_endpoint.test",
)


def _let_events_be(*types: str) -> None:
    listed = ", ".join(f"'{one}'" for one in types)
    with op.batch_alter_table("webhook_events") as events:
        events.drop_constraint(op.f("ck_webhook_events_type_known"), type_="check")
        events.create_check_constraint(op.f("ck_webhook_events_type_known"), f"type IN ({listed})")


def _created_at(name: str = "created_at") -> sa.Column[object]:
    return sa.Column(name, Instant(), nullable=False, default=now())


def upgrade() -> None:
    """Let a job tell its clients."""
    op.add_column("jobs", sa.Column("messages", sa.JSON(), nullable=True))
    op.add_column("clients", sa.Column("language", sa.String(35), nullable=True))
    op.add_column(
        "clients",
        sa.Column("wants_no_mail", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    _let_events_be(*_TYPES[:6], "client.settled", *_TYPES[6:])
    _create_messages()
    op.create_table(
        "message_settings",
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("set_by", sa.String(255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        _of_business("message_settings"),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_message_settings")),
    )
    op.create_table(
        "message_templates",
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("set_by", sa.String(255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        _of_business("message_templates"),
        sa.PrimaryKeyConstraint("business_id", "language", name=op.f("pk_message_templates")),
    )
    op.create_table(
        "suppressed_addresses",
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("because", sa.String(64), nullable=False),
        sa.Column("message_id", Id(), nullable=True),
        _created_at("since"),
        _of_business("suppressed_addresses"),
        sa.PrimaryKeyConstraint("business_id", "address", name=op.f("pk_suppressed_addresses")),
    )
    # Not additive: a build of before would expand a job and tell nobody.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def _of_business(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["business_id"], ["businesses.id"], name=op.f(f"fk_{table}_business_id_businesses")
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", Id(), nullable=False),
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("addressee", sa.String(320), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("because", sa.String(64), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("composed_at", Instant(), nullable=True),
        sa.Column("recipient", sa.String(320), nullable=True),
        sa.Column("detail", sa.String(500), nullable=True),
        _created_at(),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.CheckConstraint("kind IN ('client', 'staff')", name=op.f("ck_messages_kind_known")),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'bounced', 'suppressed', 'failed')",
            name=op.f("ck_messages_status_known"),
        ),
        sa.CheckConstraint("edition > 0", name=op.f("ck_messages_editions_from_1")),
        sa.CheckConstraint(
            "(status = 'pending') = (due_at IS NOT NULL)",
            name=op.f("ck_messages_pending_ones_are_due"),
        ),
        sa.CheckConstraint(
            "(facts IS NULL) = (composed_at IS NULL)", name=op.f("ck_messages_composed_when")
        ),
        sa.CheckConstraint(
            "status NOT IN ('sent', 'bounced') OR sent_at IS NOT NULL AND facts IS NOT NULL",
            name=op.f("ck_messages_sent_when"),
        ),
        _of_business("messages"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_messages_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(
        "one_message_per_edition",
        "messages",
        ["job_id", "kind", "addressee", "edition"],
        unique=True,
    )
    op.create_index("messages_of_job", "messages", ["job_id", "id"])
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "messages_due",
        "messages",
        ["business_id", "due_at", "id"],
        postgresql_where=is_due,
        sqlite_where=is_due,
    )


def downgrade() -> None:
    """Forget who was told what."""
    op.execute("DELETE FROM webhook_events WHERE type = 'client.settled'")
    _let_events_be(*_TYPES)
    op.execute("UPDATE schema_needs SET revision = '0028' WHERE name = 'build'")
    for table in ("suppressed_addresses", "message_templates", "message_settings", "messages"):
        op.drop_table(table)
    with op.batch_alter_table("clients") as clients:
        clients.drop_column("wants_no_mail")
        clients.drop_column("language")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("messages")
