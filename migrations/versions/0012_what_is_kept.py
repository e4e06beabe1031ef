"""What is kept of a payment line and by which rule, lines of 0, and the policy that a job was accepted under."""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NEEDS = sa.table("schema_needs", sa.column("revision", sa.String()))
_RETURNS_ONE_LINE = (
    """({by_one_means}) AND line_no > 0 OR method = 'none' AND line_no = 0 AND status = 'skipped'"""
)
_NEW_CHECKS = {
    "returns_something_or_keeps_all": "method = 'none' OR coalesce(amount_minor, credits) > 0 OR status = 'skipped' AND kept_by IS NOT NULL",
    "keeps_of_its_line": "kept_amount_minor >= 0 AND kept_credits >= 0 AND (method = 'payment' OR kept_amount_minor = 0) AND (method = 'credit' OR kept_credits = 0)",
    "kept_by_a_rule": "(kept_by IS NULL) = (kept_amount_minor = 0 AND kept_credits = 0)",
}


def _by_one_means(least: str) -> str:
    return f"""
(method = 'payment' AND payment_id IS NOT NULL AND amount_minor IS NOT NULL AND amount_minor {least}
 AND currency IS NOT NULL AND length(currency) = 3 AND account_id IS NULL AND credits IS NULL)
OR (method = 'credit' AND account_id IS NOT NULL AND credits IS NOT NULL AND credits {least}
 AND payment_id IS NULL AND amount_minor IS NULL AND currency IS NULL)
"""


def _may_be_of(least: str, refunds: BatchOperations) -> None:
    """Say anew of how much a line may be, in both tables that have some."""
    by_one_means = _by_one_means(least)
    with op.batch_alter_table("payment_lines") as lines:
        lines.drop_constraint(op.f("ck_payment_lines_paid_by_one_means"), type_="check")
        lines.create_check_constraint(op.f("ck_payment_lines_paid_by_one_means"), by_one_means)
    refunds.drop_constraint(op.f("ck_refunds_returns_one_line"), type_="check")
    refunds.create_check_constraint(
        op.f("ck_refunds_returns_one_line"), _RETURNS_ONE_LINE.format(by_one_means=by_one_means)
    )


def upgrade() -> None:
    """Add what is kept, by which rule, and jobs' policies; let lines be 0."""
    # Jobs of before keep to what they promised, and their rows to what they said: no sum was named
    # as kept.
    op.add_column(
        "jobs", sa.Column("policy", sa.SmallInteger(), nullable=False, server_default="1")
    )
    with op.batch_alter_table("refunds") as refunds:
        _may_be_of(">= 0", refunds)
        refunds.add_column(
            sa.Column("kept_amount_minor", sa.BigInteger(), nullable=False, server_default="0")
        )
        refunds.add_column(
            sa.Column("kept_credits", sa.BigInteger(), nullable=False, server_default="0")
        )
        refunds.add_column(sa.Column("kept_by", sa.String(length=64), nullable=True))
        for name, check in _NEW_CHECKS.items():
            refunds.create_check_constraint(op.f(f"ck_refunds_{name}"), check)
    # Not additive: a worker of before would settle by the first policy what was promised by the
    # second.
    op.execute(sa.update(_NEEDS).values(revision=revision))


def downgrade() -> None:
    """Drop what is kept and jobs' policies, and refuse lines of 0 again."""
    with op.batch_alter_table("refunds") as refunds:
        for name in _NEW_CHECKS:
            refunds.drop_constraint(op.f(f"ck_refunds_{name}"), type_="check")
        for name in ("kept_by", "kept_credits", "kept_amount_minor"):
            refunds.drop_column(name)
        _may_be_of("> 0", refunds)
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("policy")
    op.execute(sa.update(_NEEDS).values(revision=down_revision))
