"""A limit of each business for the credits of one payment line."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_LIMITED = "ck_businesses_credits_per_line_from_1"


def upgrade() -> None:
    """Add each business's limit of credits per line, 1,000 at first."""
    with op.batch_alter_table("businesses") as businesses:
        businesses.add_column(
            sa.Column("credits_per_line", sa.Integer(), nullable=False, server_default="1000")
        )
        businesses.create_check_constraint(
            op.f(_LIMITED), "credits_per_line BETWEEN 1 AND 1000000000"
        )


def downgrade() -> None:
    """Drop the limit of credits per line."""
    with op.batch_alter_table("businesses") as businesses:
        businesses.drop_constraint(op.f(_LIMITED), type_="check")
        businesses.drop_column("credits_per_line")
