"""Keys have a role, an end, a last use, and secrets from before their current one."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0035"
down_revision = "0033"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("role", sa.String(length=16)),
    ("expires_at", app.db.core.dialect.Instant()),
    ("last_used_at", app.db.core.dialect.Instant()),
    ("idempotency_key", sa.String(length=255)),
    ("request_fingerprint", sa.String(length=64)),
)


def upgrade() -> None:
    """Add what an older build does without: to it a key of a role has no scopes."""
    for name, kind in _COLUMNS:
        op.add_column("api_keys", sa.Column(name, kind, nullable=True))
    op.create_index(
        "one_key_per_request",
        "api_keys",
        ["business_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "old_key_secrets",
        sa.Column("key_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("ends_at", app.db.core.dialect.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_old_key_secrets_key_id_api_keys")
        ),
        sa.PrimaryKeyConstraint("key_id", "secret_hash", name=op.f("pk_old_key_secrets")),
    )


def downgrade() -> None:
    """Revoke what an older build would take for good: keys that end, and secrets that do."""
    op.drop_table("old_key_secrets")
    op.execute(
        "UPDATE api_keys SET revoked_at = expires_at WHERE expires_at IS NOT NULL AND revoked_at IS NULL"
    )
    op.drop_index("one_key_per_request", "api_keys")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("api_keys", name)
