"""Secrets of webhook endpoints as rows of their own, each with its own end."""

import sqlalchemy as sa
from alembic import op
from uuid_utils import uuid7

import app.db.core.dialect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NEEDS = sa.table("schema_needs", sa.column("revision", sa.String()))
_BEFORE = sa.table(
    "webhook_endpoints",
    sa.column("id", app.db.core.dialect.Id()),
    sa.column("secret", sa.Text()),
    sa.column("previous_secret", sa.Text()),
    sa.column("previous_secret_until", app.db.core.dialect.Instant()),
    sa.column("created_at", app.db.core.dialect.Instant()),
)


def upgrade() -> None:
    """Move each endpoint's secrets to rows of their own."""
    secrets = op.create_table(
        "webhook_secrets",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("endpoint_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("ends_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("created_at", app.db.core.dialect.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_secrets_endpoint_id_webhook_endpoints"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index("secrets_of_endpoint", "webhook_secrets", ["endpoint_id", "id"])
    op.create_index(
        "one_current_secret",
        "webhook_secrets",
        ["endpoint_id"],
        unique=True,
        postgresql_where=sa.text("ends_at IS NULL"),
        sqlite_where=sa.text("ends_at IS NULL"),
    )
    for row in op.get_bind().execute(sa.select(_BEFORE)).mappings().all():
        kept = {"endpoint_id": row["id"], "created_at": row["created_at"]}
        if row["previous_secret"] is not None:
            before = {"secret": row["previous_secret"], "ends_at": row["previous_secret_until"]}
            op.execute(sa.insert(secrets).values(id=str(uuid7()), **kept, **before))
        op.execute(
            sa.insert(secrets).values(id=str(uuid7()), **kept, secret=row["secret"], ends_at=None)
        )
    with op.batch_alter_table("webhook_endpoints") as endpoints:
        endpoints.drop_constraint(
            op.f("ck_webhook_endpoints_secrets_overlap_until_when"), type_="check"
        )
        endpoints.drop_column("previous_secret_until")
        endpoints.drop_column("previous_secret")
        endpoints.drop_column("secret")
    # Not additive: an older build would look for what was dropped.
    op.execute(sa.update(_NEEDS).values(revision=revision))


def downgrade() -> None:
    """Move each endpoint's current secret back, and drop the others."""
    with op.batch_alter_table("webhook_endpoints") as endpoints:
        endpoints.add_column(sa.Column("secret", sa.Text(), nullable=False, server_default=""))
        endpoints.add_column(sa.Column("previous_secret", sa.Text(), nullable=True))
        endpoints.add_column(
            sa.Column("previous_secret_until", app.db.core.dialect.Instant(), nullable=True)
        )
        endpoints.create_check_constraint(
            op.f("ck_webhook_endpoints_secrets_overlap_until_when"),
            "(previous_secret IS NULL) = (previous_secret_until IS NULL)",
        )
    op.execute(
        "UPDATE webhook_endpoints SET secret = (SELECT s.secret FROM webhook_secrets s"
        " WHERE s.endpoint_id = webhook_endpoints.id AND s.ends_at IS NULL)"
    )
    op.drop_table("webhook_secrets")
    op.execute(sa.update(_NEEDS).values(revision=down_revision))
