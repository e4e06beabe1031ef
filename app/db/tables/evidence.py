"""The chain of a job: a link for each thing done to it, and for each group of outcomes recorded.

A link's hash is over the one before. Links are added beneath the job's row lock, and never changed
or deleted: a trigger holds that.
"""

import sqlalchemy as sa

from app.db.core.dialect import Id
from app.db.tables import metadata

# The end of each job's chain. A job that was accepted by a build of before has none.
evidence_heads = sa.Table(
    "evidence_heads",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("business_id", sa.String(128), nullable=False),
    sa.Column("links", sa.Integer, nullable=False),
    sa.Column("head", sa.String(64), nullable=False),  # the hash of the last link
    sa.CheckConstraint("links > 0", name="begun"),
)

evidence_links = sa.Table(
    "evidence_links",
    metadata,
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("business_id", sa.String(128), nullable=False),
    # JSON, as it was hashed: what was done, by whom, from which address and by which request.
    sa.Column("facts", sa.Text, nullable=False),
    # JSON: ids of the rows of the refunds' history that are hashed with it, in that order.
    sa.Column("history", sa.Text, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.CheckConstraint("number > 0", name="numbered_from_1"),
)
