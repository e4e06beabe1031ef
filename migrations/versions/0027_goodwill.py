"""Goodwill: credits on top, for which bookings a job gives them, and their rows."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_PAID_BY_ONE_MEANS = """
(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor >= 0
 AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)
OR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits >= 0
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)
"""
_GOODWILL = """returned_as = 'goodwill' AND line_no = -1 AND leg = 1 AND method = 'credit'
 AND credits IS NOT NULL AND credits > 0 AND kept_credits = 0 AND account_id IS NULL
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL"""
_NOTHING = "method = 'none' AND line_no = 0 AND status = 'skipped'"
_BEFORE = {
    "value_instead_of_money": "returned_as = 'original' OR method = 'payment'",
    "returns_one_line": f"({_PAID_BY_ONE_MEANS}) AND line_no > 0 OR {_NOTHING}",
}
_NOW = {
    "value_instead_of_money": "returned_as IN ('original', 'goodwill') OR method = 'payment'",
    "returns_one_line": (
        f"({_PAID_BY_ONE_MEANS}) AND line_no > 0 AND returned_as <> 'goodwill' "
        f"OR {_NOTHING} OR {_GOODWILL}"
    ),
}


def _checks(rules: dict[str, str]) -> None:
    with op.batch_alter_table("refunds") as refunds:
        for name, rule in rules.items():
            refunds.drop_constraint(op.f(f"ck_refunds_{name}"), type_="check")
            refunds.create_check_constraint(op.f(f"ck_refunds_{name}"), rule)


def _index(
    name: str, *columns: str, where: str, table: str = "refunds", unique: bool = False
) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        [*columns],
        unique=unique,
        postgresql_where=condition,
        sqlite_where=condition,
    )


def upgrade() -> None:
    """Let a job give credits on top."""
    _checks(_NOW)
    _index("goodwill_of_job", "job_id", where="line_no < 0")
    op.create_table(
        "job_goodwill",
        sa.Column("job_id", app.db.core.dialect.Id(), nullable=False),
        sa.Column("session_id", sa.String(128), nullable=False),
        sa.Column("booking_id", sa.String(128), nullable=False),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("per", sa.String(8), nullable=False),
        sa.CheckConstraint("per IN ('client', 'booking')", name=op.f("ck_job_goodwill_per_known")),
        sa.ForeignKeyConstraint(
            ["job_id", "session_id"],
            ["job_sessions.job_id", "job_sessions.session_id"],
            name=op.f("fk_job_goodwill_job_id_job_sessions"),
        ),
        sa.PrimaryKeyConstraint("job_id", "session_id", "booking_id", name=op.f("pk_job_goodwill")),
    )
    _index(
        "one_goodwill_per_client",
        *("job_id", "client_id"),
        where="per = 'client'",
        table="job_goodwill",
        unique=True,
    )
    # Not additive: a build of before would leave out what a job has promised on top.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Drop goodwill.

    Raises:
        sqlalchemy.exc.IntegrityError: some was given, which a build of before has no room for.
    """
    op.execute("UPDATE schema_needs SET revision = '0025' WHERE name = 'build'")
    op.drop_table("job_goodwill")
    op.drop_index("goodwill_of_job", "refunds")
    _checks(_BEFORE)
