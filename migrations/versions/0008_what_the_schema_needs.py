"""What a build must know to run on this schema: the last revision that was not additive."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of what a build must know, which is this revision at first."""
    needs = op.create_table(
        "schema_needs",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schema_needs")),
    )
    op.execute(sa.insert(needs).values(name="build", revision=revision))


def downgrade() -> None:
    """Drop that table."""
    op.drop_table("schema_needs")
