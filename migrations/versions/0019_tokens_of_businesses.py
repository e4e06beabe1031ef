"""Businesses' own tokens at the upstreams of our own contracts, as seals."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add businesses' sealed tokens, for payments and for credits."""
    op.add_column("businesses", sa.Column("payments_token_sealed", sa.Text(), nullable=True))
    op.add_column("businesses", sa.Column("credits_token_sealed", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop businesses' sealed tokens."""
    with op.batch_alter_table("businesses") as businesses:
        businesses.drop_column("credits_token_sealed")
        businesses.drop_column("payments_token_sealed")
