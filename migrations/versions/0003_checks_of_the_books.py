"""Checks of the books: when the next one is due, and what the last one found."""

import sqlalchemy as sa
from alembic import op

import app.db.core.dialect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of checks, with a first check of the books due at once."""
    checks = op.create_table(
        "checks",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("due_at", app.db.core.dialect.Instant(), nullable=False),
        sa.Column("checked_at", app.db.core.dialect.Instant(), nullable=True),
        sa.Column("violations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_checks")),
    )
    op.execute(
        sa.insert(checks).values(name="books", due_at=app.db.core.dialect.now(), violations={})
    )


def downgrade() -> None:
    """Drop the table of checks."""
    op.drop_table("checks")
