"""What is kept of clients beside the schedule: what they were called before."""

import sqlalchemy as sa

from app.db.core.dialect import Instant
from app.db.tables import metadata

# What a client was called, and their address, until a change: jobs that were accepted before it go
# on naming them so.
former_contacts = sa.Table(
    "former_contacts",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("changed_at", Instant, primary_key=True),
    sa.Column("name", sa.String(200)),
    sa.Column("email", sa.String(320)),
    sa.ForeignKeyConstraint(["business_id", "client_id"], ["clients.business_id", "clients.id"]),
    sa.Index("former_contacts_by_change", "business_id", "changed_at"),
)
