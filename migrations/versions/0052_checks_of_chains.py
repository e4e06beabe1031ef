"""How far a worker has come with following the chains of all jobs, and what it found."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import now

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it, with a first walk through all chains due at once."""
    op.add_column("checks", sa.Column("progress", sa.JSON(), nullable=True))
    checks = sa.table(
        "checks", sa.column("name"), sa.column("due_at"), sa.column("violations", sa.JSON())
    )
    op.execute(sa.insert(checks).values(name="chains", due_at=now(), violations={}))


def downgrade() -> None:
    """Drop it."""
    op.execute("DELETE FROM checks WHERE name = 'chains'")
    op.drop_column("checks", "progress")
