"""Whose rows are: tables beside a parent name the business themselves.

Nothing is joined then to know whose a row is. Rows of before have none until `bulk-cancel database
isolate` fills them in, a few thousand at a time: here it would hold tables for minutes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

# By what a row's parent is found, which names its business.
_PARENTS = {
    "job": ("jobs", "job_id"),
    "key": ("api_keys", "key_id"),
    "refund": ("refunds", "refund_id"),
    "endpoint": ("webhook_endpoints", "endpoint_id"),
}
_TABLES = {
    "old_key_secrets": "key",
    "job_overrides": "job",
    "job_goodwill": "job",
    "choices": "job",
    "job_claims": "job",
    "refund_history": "refund",
    "webhook_secrets": "endpoint",
    "webhook_deliveries": "endpoint",
    "webhook_attempts": "endpoint",
}
# Older builds write rows while this one is rolled out: the database fills in what they don't know.
_FUNCTION = """
CREATE FUNCTION business_of_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.business_id := (SELECT business_id FROM {parent} WHERE id = NEW.{column});
    RETURN NEW;
END $$
"""
_TRIGGER = """
CREATE TRIGGER {table}_names_its_business BEFORE INSERT ON {table}
FOR EACH ROW WHEN (NEW.business_id IS NULL) EXECUTE FUNCTION business_of_{name}()
"""
# A row of the history takes its business once, and then keeps it; its free text may be removed.
_HISTORY_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change_of_refund_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.business_id IS NULL AND NEW.business_id IS NOT NULL THEN
        IF to_jsonb(NEW) - 'business_id' <> to_jsonb(OLD) - 'business_id' THEN
            RAISE EXCEPTION 'refund_history is append-only';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.failure_detail IS NOT NULL
    OR to_jsonb(NEW) - 'failure_detail' <> to_jsonb(OLD) - 'failure_detail' THEN
        RAISE EXCEPTION 'refund_history is append-only';
    END IF;
    RETURN NEW;
END $$
"""
_HISTORY_BEFORE_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change_of_refund_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.failure_detail IS NOT NULL
    OR to_jsonb(NEW) - 'failure_detail' <> to_jsonb(OLD) - 'failure_detail' THEN
        RAISE EXCEPTION 'refund_history is append-only';
    END IF;
    RETURN NEW;
END $$
"""
_KEPT = (
    "id", "refund_id", "epoch", "status", "attempts", "upstream_reference", "failure_code",
    "actor", "recorded_at", "resolved_amount_minor",
)  # fmt: skip
_HISTORY_SQLITE = """
CREATE TRIGGER refund_history_refuses_UPDATE BEFORE UPDATE ON refund_history
WHEN NEW.failure_detail IS NOT NULL OR {differs}
BEGIN SELECT RAISE(ABORT, 'refund_history is append-only'); END
"""


def _keep_on_sqlite(*columns: str) -> None:
    op.execute("DROP TRIGGER refund_history_refuses_UPDATE")
    differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in columns)
    op.execute(_HISTORY_SQLITE.format(differs=differs))


def upgrade() -> None:
    """Add the column where there is none: an older build leaves it to the database."""
    if op.get_bind().dialect.name == "postgresql":
        # 0050 changes jobs in the same transaction: whoever writes has the job before the rest.
        op.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
    for table in _TABLES:
        op.add_column(table, sa.Column("business_id", sa.String(length=128), nullable=True))
    if op.get_bind().dialect.name != "postgresql":
        _keep_on_sqlite(*_KEPT, "business_id")
        return
    op.execute(_HISTORY_POSTGRESQL)
    for name, (parent, column) in _PARENTS.items():
        op.execute(_FUNCTION.format(name=name, parent=parent, column=column))
    for table, name in _TABLES.items():
        op.execute(_TRIGGER.format(table=table, name=name))


def downgrade() -> None:
    """Drop it: each row's parent says the same."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.execute(f"DROP TRIGGER {table}_names_its_business ON {table}")
        for name in _PARENTS:
            op.execute(f"DROP FUNCTION business_of_{name}()")
        op.execute(_HISTORY_BEFORE_POSTGRESQL)
    else:
        _keep_on_sqlite(*_KEPT)
    for table in _TABLES:
        op.drop_column(table, "business_id")
