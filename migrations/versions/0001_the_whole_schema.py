"""The whole schema: businesses, the schedule, jobs, refunds and their history."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect
from app.domain.refund_ids import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE_CHANGE_POSTGRESQL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refund_history is append-only';
END $$
"""
_APPEND_ONLY_POSTGRESQL = """
CREATE TRIGGER refund_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_history
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_APPEND_ONLY_SQLITE = """
CREATE TRIGGER refund_history_refuses_{verb} BEFORE {verb} ON refund_history
BEGIN SELECT RAISE(ABORT, 'refund_history is append-only'); END
"""


def upgrade() -> None:
    """Make all tables with their indexes, and keep the refunds' history append-only."""
    op.create_table(
        "businesses",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", app.db.core.dialect.Instant(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_businesses_currency_is_iso_4217")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_businesses")),
    )
    op.create_table(
        "refund_history",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("refund_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("upstream_reference", sa.String(length=255), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("failure_detail", sa.String(length=500), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", app.db.core.dialect.Instant(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'submitted', 'indeterminate', 'processing', 'succeeded', 'rejected', 'skipped', 'resolved')",
            name=op.f("ck_refund_history_status_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_history")),
    )
    op.create_index("history_of_refund", "refund_history", ["refund_id", "id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("revoked_at", app.db.core.dialect.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_api_keys_business_id_businesses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix"),
    )
    op.create_index("api_keys_of_business", "api_keys", ["business_id", "id"], unique=False)
    op.create_table(
        "clients",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_clients_business_id_businesses")
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_clients")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("request_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("date_from", sa.Date(), nullable=False),
        sa.Column("date_to", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("include_attended", sa.Boolean(), nullable=False),
        sa.Column("hold_until", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("requested_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("started_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("finished_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("due_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("accepted_sessions", sa.Integer(), nullable=False),
        sa.Column("expanded_sessions", sa.Integer(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("outcome_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(due_at IS NULL) = (status IN ('completed', 'completed_with_failures', 'withdrawn'))",
            name=op.f("ck_jobs_open_jobs_are_due"),
        ),
        sa.CheckConstraint(
            "status <> 'held' OR hold_until IS NOT NULL", name=op.f("ck_jobs_held_until_when")
        ),
        sa.CheckConstraint(
            "status IN ('held', 'queued', 'running', 'completed', 'completed_with_failures', 'withdrawn')",
            name=op.f("ck_jobs_status_known"),
        ),
        sa.CheckConstraint("date_from <= date_to", name=op.f("ck_jobs_range_runs_forward")),
        sa.CheckConstraint(
            "expanded_sessions <= accepted_sessions", name=op.f("ck_jobs_expansion_within")
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_jobs_business_id_businesses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "jobs_due",
        "jobs",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("jobs_newest_first", "jobs", ["business_id", "id"], unique=False)
    op.create_index("one_job_per_key", "jobs", ["business_id", "idempotency_key"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("starts_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("ends_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("instructor", sa.String(length=200), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("job_id", app.db.core.dialect.Id(), nullable=True),
        sa.Column("cancelled_at", app.db.core.dialect.Instant(), nullable=True),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)",
            name=op.f("ck_sessions_cancelled_when"),
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (job_id IS NOT NULL)",
            name=op.f("ck_sessions_cancelled_by_whom"),
        ),
        sa.CheckConstraint(
            "status IN ('scheduled', 'cancelled')", name=op.f("ck_sessions_status_known")
        ),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_sessions_capacity_counts")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_sessions_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_sessions_business_id_businesses")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_sessions_job_id_jobs")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_sessions")),
    )
    op.create_index(
        "sessions_in_start_order", "sessions", ["business_id", "starts_at", "id"], unique=False
    )
    op.create_table(
        "bookings",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "status IN ('booked', 'waitlisted', 'checked_in', 'cancelled')",
            name=op.f("ck_bookings_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "client_id"],
            ["clients.business_id", "clients.id"],
            name=op.f("fk_bookings_business_id_clients"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "session_id"],
            ["sessions.business_id", "sessions.id"],
            name=op.f("fk_bookings_business_id_sessions"),
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_bookings")),
    )
    op.create_index(
        "bookings_of_client", "bookings", ["business_id", "client_id", "id"], unique=False
    )
    op.create_index(
        "bookings_of_session", "bookings", ["business_id", "session_id", "id"], unique=False
    )
    op.create_table(
        "job_sessions",
        sa.Column("job_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("held_by_job_id", app.db.core.dialect.Id(), nullable=True),
        sa.Column("bookings", sa.Integer(), nullable=True),
        sa.Column("released_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("session_name", sa.String(length=200), nullable=False),
        sa.Column("session_starts_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("session_timezone", sa.String(length=64), nullable=False),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("instructor", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'accepted') = (position IS NOT NULL)",
            name=op.f("ck_job_sessions_accepted_have_a_place"),
        ),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'already_in_process', 'already_cancelled')",
            name=op.f("ck_job_sessions_outcome_known"),
        ),
        sa.CheckConstraint(
            "position < 1048575", name=op.f("ck_job_sessions_position_fits_refund_id")
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "session_id"],
            ["sessions.business_id", "sessions.id"],
            name=op.f("fk_job_sessions_business_id_sessions"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_sessions_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "session_id", name=op.f("pk_job_sessions")),
    )
    op.create_index(
        "job_sessions_by_position",
        "job_sessions",
        ["job_id", "position"],
        unique=True,
        postgresql_where=sa.text("position IS NOT NULL"),
        sqlite_where=sa.text("position IS NOT NULL"),
    )
    op.create_index("job_sessions_in_order", "job_sessions", ["job_id", "seq"], unique=True)
    op.create_index(
        "one_live_acceptance",
        "job_sessions",
        ["business_id", "session_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'accepted' AND released_at IS NULL"),
        sqlite_where=sa.text("outcome = 'accepted' AND released_at IS NULL"),
    )
    op.create_table(
        "payment_lines",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("payment_id", sa.String(length=128), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("account_id", sa.String(length=128), nullable=True),
        sa.Column("credits", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "\n(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor > 0\n AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)\nOR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits > 0\n AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)\n",
            name=op.f("ck_payment_lines_paid_by_one_means"),
        ),
        sa.CheckConstraint("line_no > 0", name=op.f("ck_payment_lines_counted_from_one")),
        sa.ForeignKeyConstraint(
            ["business_id", "booking_id"],
            ["bookings.business_id", "bookings.id"],
            name=op.f("fk_payment_lines_business_id_bookings"),
        ),
        sa.PrimaryKeyConstraint(
            "business_id", "booking_id", "line_no", name=op.f("pk_payment_lines")
        ),
    )
    op.create_table(
        "refunds",
        sa.Column("id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("job_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("payment_id", sa.String(length=128), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("account_id", sa.String(length=128), nullable=True),
        sa.Column("credits", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("due_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("key_generation", sa.Integer(), nullable=False),
        sa.Column("upstream_reference", sa.String(length=255), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("failure_detail", sa.String(length=500), nullable=True),
        sa.Column("outcome_seq", sa.BigInteger(), nullable=True),
        sa.Column("first_due_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("settled_at", app.db.core.dialect.Instant(), nullable=True),
        sa.CheckConstraint(
            "(\n(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor > 0\n AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)\nOR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits > 0\n AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)\n) AND line_no > 0 OR method = 'none' AND line_no = 0 AND status = 'skipped'",
            name=op.f("ck_refunds_returns_one_line"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'submitted', 'indeterminate', 'processing', 'succeeded', 'rejected', 'skipped', 'resolved')",
            name=op.f("ck_refunds_status_known"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('pending', 'submitted') OR due_at IS NOT NULL",
            name=op.f("ck_refunds_open_ones_are_due"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('succeeded', 'rejected', 'skipped', 'resolved') OR due_at IS NULL",
            name=op.f("ck_refunds_final_ones_rest"),
        ),
        sa.CheckConstraint(
            "(due_at IS NULL) = (outcome_seq IS NOT NULL)",
            name=op.f("ck_refunds_final_ones_are_numbered"),
        ),
        sa.CheckConstraint(
            "(settled_at IS NULL) = (outcome_seq IS NULL)", name=op.f("ck_refunds_settled_when")
        ),
        sa.ForeignKeyConstraint(
            ["job_id", "session_id"],
            ["job_sessions.job_id", "job_sessions.session_id"],
            name=op.f("fk_refunds_job_id_job_sessions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index(
        "one_refund_per_line",
        "refunds",
        ["business_id", "booking_id", "line_no"],
        unique=True,
        postgresql_where=sa.text(
            "status <> 'skipped' OR coalesce(failure_code, '') <> 'withdrawn'"
        ),
        sqlite_where=sa.text("status <> 'skipped' OR coalesce(failure_code, '') <> 'withdrawn'"),
    )
    op.create_index(
        "refunds_due",
        "refunds",
        ["job_id", "method", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "refunds_in_outcome_order",
        "refunds",
        ["job_id", "outcome_seq"],
        unique=True,
        postgresql_where=sa.text("outcome_seq IS NOT NULL"),
        sqlite_where=sa.text("outcome_seq IS NOT NULL"),
    )
    op.create_index("refunds_of_job", "refunds", ["job_id", "status", "id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL_FUNCTION)
        op.execute(_REFUSE_CHANGE_POSTGRESQL)
        op.execute(_APPEND_ONLY_POSTGRESQL)
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))


def downgrade() -> None:
    """Drop all tables and functions, with all that is in them."""
    tables = (
        "refunds",
        "payment_lines",
        "job_sessions",
        "bookings",
        "sessions",
        "jobs",
        "clients",
        "api_keys",
        "refund_history",
        "businesses",
    )
    for table in tables:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
        op.execute("DROP FUNCTION refund_id(bigint, integer, text, text, integer)")
