"""Who administers what is written down for good, and sign-ins may be ended early."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_REFUSE_POSTGRESQL = """
CREATE FUNCTION refuse_change_of_administration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'administration is append-only';
END $$
"""
_APPEND_ONLY_POSTGRESQL = """
CREATE TRIGGER administration_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON administration
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_administration()
"""
_APPEND_ONLY_SQLITE = """
CREATE TRIGGER administration_refuses_{verb} BEFORE {verb} ON administration
BEGIN SELECT RAISE(ABORT, 'administration is append-only'); END
"""


def upgrade() -> None:
    """Add both tables: an older build writes neither, and ends no sign-in early."""
    op.create_table(
        "administration",
        sa.Column("id", Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=200), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "actor_kind IN ('key', 'platform_key', 'person', 'command')",
            name=op.f("ck_administration_actor_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_administration_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_administration")),
    )
    op.create_index("administration_of_business", "administration", ["business_id", "id"])
    op.create_table(
        "ended_sign_ins",
        sa.Column("id", Id(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("sid", sa.String(length=255), nullable=True),
        sa.Column("ended_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "subject IS NOT NULL OR sid IS NOT NULL",
            name=op.f("ck_ended_sign_ins_of_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_ended_sign_ins_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sign_ins")),
    )
    op.create_index("ended_sign_ins_of_subject", "ended_sign_ins", ["subject", "ended_at"])
    op.create_index("ended_sign_ins_of_sid", "ended_sign_ins", ["sid", "ended_at"])
    op.create_index("ended_sign_ins_by_age", "ended_sign_ins", ["ended_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_REFUSE_POSTGRESQL)
        op.execute(_APPEND_ONLY_POSTGRESQL)
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))


def downgrade() -> None:
    """Drop them, and with them what was written down."""
    op.drop_table("ended_sign_ins")
    op.drop_table("administration")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_administration()")
