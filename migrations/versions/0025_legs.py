"""Legs of a line: each a try in one form, and the status of one that another follows."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_BEFORE = (
    "pending",
    "submitted",
    "indeterminate",
    "processing",
    "succeeded",
    "rejected",
    "skipped",
    "resolved",
)
_NOW = (*_BEFORE, "replaced")
_FORMS = ("original", "store_credit", "void", "goodwill")
_UPSTREAM_OF = "CASE WHEN returned_as IN ('store_credit', 'goodwill') THEN 'credit' ELSE method END"
_NOT_WITHDRAWN = sa.text("status <> 'skipped' OR coalesce(failure_code, '') <> 'withdrawn'")
_DUE = sa.text("due_at IS NOT NULL")
_LINE = ["business_id", "booking_id", "line_no"]
_CHECKS = {
    "returned_as_known": f"returned_as IN ({', '.join(map(repr, _FORMS))})",
    "legs_of_a_payment": "leg BETWEEN 1 AND 8 AND (leg = 1 OR method = 'payment')",
    "value_instead_of_money": "returned_as = 'original' OR method = 'payment'",
    "asked_of_its_upstream": f"upstream = {_UPSTREAM_OF}",
    "replaced_by_a_leg": "status <> 'replaced' OR followed",
}
_APPEND_ONLY_SQLITE = """
CREATE TRIGGER refund_history_refuses_{verb} BEFORE {verb} ON refund_history
BEGIN SELECT RAISE(ABORT, 'refund_history is append-only'); END
"""
_REST = (
    "status NOT IN ('succeeded', 'rejected', 'skipped', 'resolved', 'replaced') OR due_at IS NULL"
)
_REST_BEFORE = "status NOT IN ('succeeded', 'rejected', 'skipped', 'resolved') OR due_at IS NULL"
_OVERRIDES_CHECK = (
    "return_as IS NULL OR return_as IN ('original', 'store_credit') AND action = 'return'"
)


def _statuses(words: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{word}'" for word in words)
    for table in ("refunds", "refund_history"):
        with op.batch_alter_table(table) as altered:
            altered.drop_constraint(op.f(f"ck_{table}_status_known"), type_="check")
            altered.create_check_constraint(
                op.f(f"ck_{table}_status_known"), f"status IN ({listed})"
            )
    if op.get_bind().dialect.name == "sqlite":  # where the table was made anew, without triggers
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))


def _index(name: str, *columns: str, where: sa.TextClause, unique: bool = False) -> None:
    op.create_index(
        name, "refunds", [*columns], unique=unique, postgresql_where=where, sqlite_where=where
    )


def upgrade() -> None:
    """Let a line have legs, of which each has a form."""
    op.drop_index("one_refund_per_line", "refunds")
    op.drop_index("refunds_due", "refunds")
    _statuses(_NOW)
    with op.batch_alter_table("refunds") as refunds:
        refunds.add_column(sa.Column("leg", sa.Integer(), nullable=False, server_default="1"))
        refunds.add_column(
            sa.Column("returned_as", sa.String(16), nullable=False, server_default="original")
        )
        refunds.add_column(
            sa.Column("followed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        refunds.add_column(
            sa.Column("upstream", sa.String(8), nullable=False, server_default="payment")
        )
        refunds.drop_constraint(op.f("ck_refunds_final_ones_rest"), type_="check")
        refunds.create_check_constraint(op.f("ck_refunds_final_ones_rest"), _REST)
    op.execute("UPDATE refunds SET upstream = method WHERE method <> 'payment'")
    with op.batch_alter_table("refunds") as refunds:
        for name, rule in _CHECKS.items():
            refunds.create_check_constraint(op.f(f"ck_refunds_{name}"), rule)
    with op.batch_alter_table("job_overrides") as overrides:
        overrides.add_column(sa.Column("return_as", sa.String(16), nullable=True))
        overrides.create_check_constraint(
            op.f("ck_job_overrides_returns_in_a_form"), _OVERRIDES_CHECK
        )
    _index("one_refund_per_leg", *_LINE, "leg", where=_NOT_WITHDRAWN, unique=True)
    _index("refunds_due", "job_id", "upstream", "due_at", "id", where=_DUE)
    # Not additive: a build of before would send value for a payment as a refund of it.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Drop legs.

    Raises:
        sqlalchemy.exc.IntegrityError: a line has several, which a build of before has no room for.
    """
    op.execute("UPDATE schema_needs SET revision = '0023' WHERE name = 'build'")
    op.drop_index("refunds_due", "refunds")
    op.drop_index("one_refund_per_leg", "refunds")
    _index("one_refund_per_line", *_LINE, where=_NOT_WITHDRAWN, unique=True)
    with op.batch_alter_table("job_overrides") as overrides:
        overrides.drop_constraint(op.f("ck_job_overrides_returns_in_a_form"), type_="check")
        overrides.drop_column("return_as")
    with op.batch_alter_table("refunds") as refunds:
        for name in _CHECKS:
            refunds.drop_constraint(op.f(f"ck_refunds_{name}"), type_="check")
        refunds.drop_constraint(op.f("ck_refunds_final_ones_rest"), type_="check")
        refunds.create_check_constraint(op.f("ck_refunds_final_ones_rest"), _REST_BEFORE)
        refunds.drop_column("upstream")
        refunds.drop_column("followed")
        refunds.drop_column("returned_as")
        refunds.drop_column("leg")
    _statuses(_BEFORE)
    _index("refunds_due", "job_id", "method", "due_at", "id", where=_DUE)
