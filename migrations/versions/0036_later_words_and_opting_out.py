"""What comes back of a message before its sending is recorded, and who has stopped their mail."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns: a process of before knows neither, and writes neither."""
    op.add_column("messages", sa.Column("early_words", sa.JSON(none_as_null=True)))
    op.add_column("clients", sa.Column("mail_stopped_at", Instant()))


def downgrade() -> None:
    """Drop them; who had stopped their mail gets it again."""
    with op.batch_alter_table("clients") as clients:
        clients.drop_column("mail_stopped_at")
    with op.batch_alter_table("messages") as messages:
        messages.drop_column("early_words")
