"""Refunds by the id that Stripe gave them: its thin events name nothing else."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_STRIPE = sa.text("substr(upstream_reference, 1, 3) IN ('re_', 'pyr')")


def upgrade() -> None:
    """Add the index of refunds by Stripe's ids."""
    op.create_index(
        "refunds_at_stripe",
        "refunds",
        ["upstream_reference"],
        postgresql_where=_AT_STRIPE,
        sqlite_where=_AT_STRIPE,
    )


def downgrade() -> None:
    """Drop the index of refunds by Stripe's ids."""
    op.drop_index("refunds_at_stripe", table_name="refunds")
