"""Businesses' own pages: their colour, their logo, and the sites that may show them."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0043"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table: an older build shows the pages as it did."""
    op.create_table(
        "public_pages",
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("logo_type", sa.String(length=16), nullable=True),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("logo_tag", sa.String(length=32), nullable=True),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(logo IS NULL) = (logo_type IS NULL) AND (logo IS NULL) = (logo_tag IS NULL)",
            name=op.f("ck_public_pages_logo_whole"),
        ),
        sa.CheckConstraint(
            "logo_type IN ('image/png', 'image/jpeg', 'image/webp')",
            name=op.f("ck_public_pages_logo_type_known"),
        ),
        sa.CheckConstraint("length(logo) <= 65536", name=op.f("ck_public_pages_logo_small")),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_public_pages_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_public_pages")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("public_pages")
