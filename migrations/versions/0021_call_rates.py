"""The rate of each account, as its workers learnt it."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of accounts' learnt call rates."""
    op.create_table(
        "call_rates",
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("told_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("per_second", sa.Double(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("awake", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_call_rates")),
    )


def downgrade() -> None:
    """Drop the table of call rates."""
    op.drop_table("call_rates")
