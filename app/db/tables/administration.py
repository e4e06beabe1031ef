"""What is known of those who administer: what they did, and whose sign-ins ended early."""

import sqlalchemy as sa

from app.db.core.dialect import Id, Instant
from app.db.tables import MAX_CALLER_NAME, created_at, metadata, one_of
from app.domain.nouns.administration import ActorKind

# Rows are added, and never changed or deleted: a trigger holds that.
administration = sa.Table(
    "administration",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id")),  # NULL: above businesses
    created_at("recorded_at"),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.String(200)),  # a key's prefix, a person's `sub`
    sa.Column("actor", sa.String(MAX_CALLER_NAME), nullable=False),
    sa.Column("address", sa.String(64)),
    sa.Column("request_id", sa.String(128)),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),  # what it was done to
    # Of what was changed; no secret, and no hash of one.
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    one_of("actor_kind", ActorKind),
    sa.Index("administration_of_business", "business_id", "id"),
)

# Tokens of these that were issued at that instant or before are refused.
ended_sign_ins = sa.Table(
    "ended_sign_ins",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id")),  # NULL: of every one
    sa.Column("subject", sa.String(200)),
    sa.Column("sid", sa.String(255)),  # at the issuer; NULL: all of the subject's
    sa.Column("ended_at", Instant, nullable=False),
    sa.CheckConstraint("subject IS NOT NULL OR sid IS NOT NULL", name="of_somebody"),
    sa.Index("ended_sign_ins_of_subject", "subject", "ended_at"),
    sa.Index("ended_sign_ins_of_sid", "sid", "ended_at"),
    sa.Index("ended_sign_ins_by_age", "ended_at"),
)
