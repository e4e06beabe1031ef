"""What is kept of clients beside the schedule: what they were called, and who is forgotten."""

import sqlalchemy as sa

from app.db.core.dialect import Id, Instant
from app.db.tables import MAX_CALLER_NAME, metadata, partial

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

# Clients who are erased, and how far a worker has come with what names them.
client_erasures = sa.Table(
    "client_erasures",
    metadata,
    sa.Column("business_id", sa.String(128), primary_key=True),
    sa.Column("client_id", sa.String(128), primary_key=True),
    sa.Column("requested_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("due_at", Instant),  # while a worker has it, when another may; NULL: it is done
    sa.Column("finished_at", Instant),
    sa.Column("after_job", Id),  # nothing of theirs is left in this job and all before
    sa.Column("counts", sa.JSON, nullable=False),  # how many rows were changed, by what they are
    sa.CheckConstraint("(due_at IS NULL) = (finished_at IS NOT NULL)", name="due_until_finished"),
    sa.ForeignKeyConstraint(["business_id", "client_id"], ["clients.business_id", "clients.id"]),
    partial("erasures_due", "due_at", where="due_at IS NOT NULL"),
)

# Addresses of erased clients that take nothing, each as a keyed hash: none can be read.
hashed_addresses = sa.Table(
    "hashed_addresses",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("because", sa.String(64), nullable=False),
    sa.Column("since", Instant, nullable=False),
)

# Each version of for how long a business keeps things; the last is in force.
retention_settings = sa.Table(
    "retention_settings",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("set_by", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("version > 0", name="versions_from_1"),
)

# What was removed by age, in all.
retention_counts = sa.Table(
    "retention_counts",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sa.Column("messages", sa.BigInteger, nullable=False),
    sa.Column("clients", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("at", Instant, nullable=False),
)

# How far a worker has come with looking through the clients of a business by age.
retention_walks = sa.Table(
    "retention_walks",
    metadata,
    sa.Column("business_id", sa.ForeignKey("businesses.id"), primary_key=True),
    sa.Column("after_client", sa.String(128)),  # the last that was looked at; NULL: none was
    sa.Column("ended_at", Instant),  # when the last walk did; NULL: one is due
)
