"""Keys that are limited to locations.

A build from before knows no such limit: give a key one when the last process of that build has
ended.
"""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import now

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: keys that are there already are of the whole business."""
    op.add_column("api_keys", sa.Column("locations", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it, and revoke the keys that were limited: without it they could do more."""
    keys = sa.table("api_keys", sa.column("locations"), sa.column("revoked_at"))
    op.execute(
        sa.update(keys)
        .where(keys.c.locations.is_not(None), keys.c.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    op.drop_column("api_keys", "locations")
