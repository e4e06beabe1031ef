"""Room for who asked and who acted: `key:` and a key's name of 200 characters are 204."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_APPEND_ONLY = """
CREATE TRIGGER refund_history_refuses_{verb} BEFORE {verb} ON refund_history
BEGIN SELECT RAISE(ABORT, 'refund_history is append-only'); END
"""
_COLUMNS = (("jobs", "requested_by"), ("refund_history", "actor"))


def _change(before: int, after: int) -> None:
    for table, column in _COLUMNS:
        with op.batch_alter_table(table) as altered:
            altered.alter_column(
                column,
                existing_type=sa.String(length=before),
                type_=sa.String(length=after),
                existing_nullable=False,
            )
    if op.get_bind().dialect.name == "sqlite":
        # A changed column is a new table there, and the triggers of the old one went with it.
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY.format(verb=verb))


def upgrade() -> None:
    """Make room for 255 characters of who asked and who acted."""
    _change(200, 255)


def downgrade() -> None:
    """Go back to 200 characters of who asked and who acted."""
    # PostgreSQL refuses while a longer name is there, rather than cut it.
    _change(255, 200)
