"""Which process checks a plan of a business, and until when it has that to itself."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the leases of checks."""
    op.create_table(
        "plan_checks",
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column("checker", Id(), nullable=False),
        sa.Column("leased_until", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_plan_checks_business_id_businesses")
        ),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_plan_checks")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("plan_checks")
