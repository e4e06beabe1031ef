"""Terms of businesses and jobs, overrides, two statuses of bookings, and until when credits hold."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BEFORE = ("booked", "waitlisted", "checked_in", "cancelled")
_NOW = ("booked", "waitlisted", "checked_in", "late_cancelled", "no_show", "cancelled")


def _statuses(words: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{word}'" for word in words)
    with op.batch_alter_table("bookings") as bookings:
        bookings.drop_constraint(op.f("ck_bookings_status_known"), type_="check")
        bookings.create_check_constraint(op.f("ck_bookings_status_known"), f"status IN ({listed})")


def upgrade() -> None:
    """Add terms and overrides, and let bookings be cancelled late or missed."""
    _statuses(_NOW)
    op.add_column("jobs", sa.Column("terms", sa.JSON(), nullable=True))
    op.add_column("jobs", sa.Column("terms_version", sa.Integer(), nullable=True))
    op.add_column("refunds", sa.Column("expires_before", Instant(), nullable=True))
    op.add_column("refunds", sa.Column("expires_after", Instant(), nullable=True))
    op.create_table(
        "terms_history",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_terms_history_versions_from_1")),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_terms_history_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", "version", name=op.f("pk_terms_history")),
    )
    op.create_table(
        "job_overrides",
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "action IN ('skip', 'return')", name=op.f("ck_job_overrides_action_known")
        ),
        sa.CheckConstraint(
            "amount_minor IS NULL OR amount_minor > 0 AND line_no > 0 AND action = 'return'",
            name=op.f("ck_job_overrides_returns_a_part_of_a_line"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_overrides_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "booking_id", "line_no", name=op.f("pk_job_overrides")),
    )
    # Not additive: a build of before would settle such a job whole, and reads no such booking.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Drop terms and overrides; a booking that was cancelled late or missed is cancelled."""
    op.execute("UPDATE schema_needs SET revision = '0015' WHERE name = 'build'")
    op.drop_table("job_overrides")
    op.drop_table("terms_history")
    for table, column in (
        ("refunds", "expires_after"),
        ("refunds", "expires_before"),
        ("jobs", "terms_version"),
        ("jobs", "terms"),
    ):
        with op.batch_alter_table(table) as altered:
            altered.drop_column(column)
    op.execute(
        "UPDATE bookings SET status = 'cancelled' WHERE status IN ('late_cancelled', 'no_show')"
    )
    _statuses(_BEFORE)
