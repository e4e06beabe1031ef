"""Links of chains are only ever added, as refunds' histories are; a chain's end stays, too."""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_REFUSE_POSTGRESQL = """
CREATE FUNCTION refuse_change_of_chains() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$
"""
_POSTGRESQL = """
CREATE TRIGGER {table}_is_append_only BEFORE {verbs} ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_chains()
"""
_SQLITE = """
CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
# The end of a chain moves with each link.
_REFUSED = {"evidence_links": ("UPDATE", "DELETE"), "evidence_heads": ("DELETE",)}


def upgrade() -> None:
    """Have the database refuse it: no build changes or deletes any."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_REFUSE_POSTGRESQL)
        for table, verbs in _REFUSED.items():
            said = " OR ".join((*verbs, "TRUNCATE"))
            op.execute(_POSTGRESQL.format(table=table, verbs=said))
        return
    for table, verbs in _REFUSED.items():
        for verb in verbs:
            op.execute(_SQLITE.format(table=table, verb=verb))


def downgrade() -> None:
    """Let it be done again."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _REFUSED:
            op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_change_of_chains()")
        return
    for table, verbs in _REFUSED.items():
        for verb in verbs:
            op.execute(f"DROP TRIGGER {table}_refuses_{verb}")
