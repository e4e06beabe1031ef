"""Businesses' own accounts at Stripe, and how many calls may be made for an account."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add businesses' accounts at Stripe, and the budgets of calls by account."""
    with op.batch_alter_table("businesses") as businesses:
        businesses.add_column(sa.Column("stripe_account", sa.String(length=255), nullable=True))
        businesses.add_column(sa.Column("stripe_key_sealed", sa.Text(), nullable=True))
        businesses.create_check_constraint(
            op.f("ck_businesses_at_one_stripe_account"),
            "stripe_account IS NULL OR stripe_key_sealed IS NULL",
        )
    op.create_table(
        "call_budgets",
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("calls", sa.Double(), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("counted_at", app.db.core.dialect.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_call_budgets")),
    )


def downgrade() -> None:
    """Drop the budgets of calls and businesses' accounts at Stripe."""
    op.drop_table("call_budgets")
    with op.batch_alter_table("businesses") as businesses:
        businesses.drop_constraint(op.f("ck_businesses_at_one_stripe_account"), type_="check")
        businesses.drop_column("stripe_key_sealed")
        businesses.drop_column("stripe_account")
