"""What clients choose: the form in which their money comes back, and what is given on top."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_CHECKS = {
    "chosen_of_a_payment": "choose_until IS NULL OR method = 'payment' AND leg = 1",
    "bonus_of_a_choice": (
        "bonus_minor = 0 OR bonus_minor > 0 AND returned_as = 'store_credit' "
        "AND choose_until IS NOT NULL"
    ),
}


def upgrade() -> None:
    """Let a client choose once for all that a job returns to them."""
    op.create_table(
        "choices",
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("chosen_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "form IN ('original', 'store_credit')", name=op.f("ck_choices_form_is_offered")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_choices_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "client_id", name=op.f("pk_choices")),
    )
    with op.batch_alter_table("refunds") as refunds:
        refunds.add_column(sa.Column("choose_until", Instant(), nullable=True))
        refunds.add_column(
            sa.Column("bonus_minor", sa.BigInteger(), nullable=False, server_default="0")
        )
        for name, rule in _CHECKS.items():
            refunds.create_check_constraint(op.f(f"ck_refunds_{name}"), rule)
    # Not additive: a build of before would return at once what is to wait, and leave bonuses out.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Forget what was chosen."""
    op.execute("UPDATE schema_needs SET revision = '0027' WHERE name = 'build'")
    with op.batch_alter_table("refunds") as refunds:
        for name in _CHECKS:
            refunds.drop_constraint(op.f(f"ck_refunds_{name}"), type_="check")
        refunds.drop_column("bonus_minor")
        refunds.drop_column("choose_until")
    op.drop_table("choices")
