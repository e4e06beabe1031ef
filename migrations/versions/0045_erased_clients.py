"""Clients who were erased, and the free text of histories, which may be removed and nothing else."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_KEPT = (
    "id", "refund_id", "epoch", "status", "attempts", "upstream_reference", "failure_code",
    "actor", "recorded_at", "resolved_amount_minor",
)  # fmt: skip
_ONLY_TEXT_POSTGRESQL = """
CREATE FUNCTION refuse_change_of_refund_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.failure_detail IS NOT NULL
    OR to_jsonb(NEW) - 'failure_detail' <> to_jsonb(OLD) - 'failure_detail' THEN
        RAISE EXCEPTION 'refund_history is append-only';
    END IF;
    RETURN NEW;
END $$
"""
_STATEMENTS_POSTGRESQL = """
CREATE TRIGGER refund_history_is_append_only BEFORE {verbs} ON refund_history
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_ROWS_POSTGRESQL = """
CREATE TRIGGER refund_history_keeps_its_rows BEFORE UPDATE ON refund_history
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_refund_history()
"""
_UPDATE_SQLITE = """
CREATE TRIGGER refund_history_refuses_UPDATE BEFORE UPDATE ON refund_history {when}
BEGIN SELECT RAISE(ABORT, 'refund_history is append-only'); END
"""


def upgrade() -> None:
    """Add what erases: an older build brings back the name of who was erased meanwhile."""
    op.add_column("clients", sa.Column("erased_at", Instant(), nullable=True))
    op.add_column("businesses", sa.Column("address_key_sealed", sa.Text(), nullable=True))
    op.create_table(
        "client_erasures",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("after_job", Id(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(due_at IS NULL) = (finished_at IS NOT NULL)",
            name=op.f("ck_client_erasures_due_until_finished"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "client_id"],
            ["clients.business_id", "clients.id"],
            name=op.f("fk_client_erasures_business_id_clients"),
        ),
        sa.PrimaryKeyConstraint("business_id", "client_id", name=op.f("pk_client_erasures")),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "erasures_due", "client_erasures", ["due_at"], postgresql_where=due, sqlite_where=due
    )
    op.create_table(
        "hashed_addresses",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("because", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_hashed_addresses_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", "hash", name=op.f("pk_hashed_addresses")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER refund_history_is_append_only ON refund_history")
        op.execute(_ONLY_TEXT_POSTGRESQL)
        op.execute(_STATEMENTS_POSTGRESQL.format(verbs="DELETE OR TRUNCATE"))
        op.execute(_ROWS_POSTGRESQL)
    else:
        op.execute("DROP TRIGGER refund_history_refuses_UPDATE")
        differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _KEPT)
        when = f"WHEN NEW.failure_detail IS NOT NULL OR {differs}"
        op.execute(_UPDATE_SQLITE.format(when=when))


def downgrade() -> None:
    """Drop it: who was erased has no name, and may be given one again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER refund_history_keeps_its_rows ON refund_history")
        op.execute("DROP TRIGGER refund_history_is_append_only ON refund_history")
        op.execute("DROP FUNCTION refuse_change_of_refund_history()")
        op.execute(_STATEMENTS_POSTGRESQL.format(verbs="UPDATE OR DELETE OR TRUNCATE"))
    else:
        op.execute("DROP TRIGGER refund_history_refuses_UPDATE")
        op.execute(_UPDATE_SQLITE.format(when=""))
    op.drop_table("hashed_addresses")
    op.drop_index("erasures_due", table_name="client_erasures")
    op.drop_table("client_erasures")
    with op.batch_alter_table("businesses") as batch:
        batch.drop_column("address_key_sealed")
    with op.batch_alter_table("clients") as batch:
        batch.drop_column("erased_at")
