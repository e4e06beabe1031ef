"""What comes back with the refund of a destination charge, by business."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_COLUMNS = ("stripe_reverse_transfer", "stripe_refund_fee")


def upgrade() -> None:
    """Add two settings, both off."""
    for name in _COLUMNS:
        column: sa.Column[bool] = sa.Column(
            name, sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column("businesses", column)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("businesses") as businesses:
        for name in _COLUMNS:
            businesses.drop_column(name)
