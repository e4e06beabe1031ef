"""What businesses say of their own pages, which anybody may see."""

import sqlalchemy as sa

from app.db.core.dialect import Instant
from app.db.tables import MAX_CALLER_NAME, metadata

# Without a row: the service's colours, no logo, and no site but ours shows the schedule.
public_pages = sa.Table(
    "public_pages",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),  # `PageSettings.document`
    sa.Column("logo_type", sa.String(16)),
    sa.Column("logo", sa.LargeBinary),
    sa.Column("logo_tag", sa.String(32)),  # of its bytes
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint(
        "(logo IS NULL) = (logo_type IS NULL) AND (logo IS NULL) = (logo_tag IS NULL)",
        name="logo_whole",
    ),
    sa.CheckConstraint(
        "logo_type IN ('image/png', 'image/jpeg', 'image/webp')", name="logo_type_known"
    ),
    sa.CheckConstraint("length(logo) <= 65536", name="logo_small"),
)
