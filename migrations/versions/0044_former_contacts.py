"""What clients were called before, for the audits of then."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table: what an older build changes meanwhile, old audits show as changed."""
    op.create_table(
        "former_contacts",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id", "client_id"],
            ["clients.business_id", "clients.id"],
            name=op.f("fk_former_contacts_business_id_clients"),
        ),
        sa.PrimaryKeyConstraint(
            "business_id", "client_id", "changed_at", name=op.f("pk_former_contacts")
        ),
    )
    op.create_index("former_contacts_by_change", "former_contacts", ["business_id", "changed_at"])


def downgrade() -> None:
    """Drop the table, and with it what clients were called."""
    op.drop_table("former_contacts")
