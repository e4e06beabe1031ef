"""Approvals: limits of businesses, jobs that await one, who did what to a job."""

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Id, Instant

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_STATUSES = ("held", "queued", "running", "completed", "completed_with_failures", "withdrawn")
_ENDS = ("completed", "completed_with_failures", "withdrawn")
_EVENTS = (
    "bulk_cancellation.accepted",
    "session.cancelled",
    "refund.succeeded",
    "refund.failed",
    "bulk_cancellation.completed",
    "bulk_cancellation.withdrawn",
    "client.settled",
    "webhook_endpoint.disabled",
    "webhook_endpoint.test",
)
_NEW_EVENTS = ("bulk_cancellation.approval_requested", "bulk_cancellation.refused")
_KINDS = ("client", "staff")
_NOTHING_BEFORE = (
    "status NOT IN ('awaiting_approval', 'refused') "
    "OR expanded_sessions = 0 AND approved_at IS NULL"
)
_AWAITING = sa.text("status = 'awaiting_approval'")


def _known(table: str, column: str, words: tuple[str, ...]) -> None:
    name = op.f(f"ck_{table}_{column}_known")
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint(name, type_="check")
        altered.create_check_constraint(name, f"{column} IN ({_listed(words)})")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _of_jobs(statuses: tuple[str, ...], ends: tuple[str, ...], *, nothing_before: bool) -> None:
    known, due = op.f("ck_jobs_status_known"), op.f("ck_jobs_open_jobs_are_due")
    before = op.f("ck_jobs_nothing_before_approval")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint(known, type_="check")
        jobs.drop_constraint(due, type_="check")
        jobs.create_check_constraint(known, f"status IN ({_listed(statuses)})")
        jobs.create_check_constraint(due, f"(due_at IS NULL) = (status IN ({_listed(ends)}))")
        if nothing_before:
            jobs.add_column(sa.Column("approved_at", Instant(), nullable=True))
            jobs.create_check_constraint(before, _NOTHING_BEFORE)
        else:
            jobs.drop_constraint(before, type_="check")
            jobs.drop_column("approved_at")


def _of_business() -> sa.Column[str]:
    return sa.Column("business_id", sa.String(128), nullable=False)


def _job_id(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    name = op.f(f"fk_{table}_job_id_jobs")
    return (
        sa.Column("job_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=name),
    )


def _create_tables() -> None:
    op.create_table(
        "approval_limits",
        _of_business(),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("set_by", sa.String(255), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_approval_limits_versions_from_1")),
        sa.ForeignKeyConstraint(
            ["business_id"],
            ["businesses.id"],
            name=op.f("fk_approval_limits_business_id_businesses"),
        ),
        sa.PrimaryKeyConstraint("business_id", "version", name=op.f("pk_approval_limits")),
    )
    op.create_table(
        "job_approvals",
        *_job_id("job_approvals"),
        _of_business(),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("exceeded", sa.JSON(), nullable=False),
        sa.Column("hold_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.CheckConstraint("hold_seconds >= 0", name=op.f("ck_job_approvals_holds_forward")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_approvals")),
    )
    op.create_table(
        "job_actions",
        *_job_id("job_actions"),
        sa.Column("action", sa.String(16), nullable=False),
        _of_business(),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("actor_id", sa.String(255), nullable=False),
        sa.Column("acted_at", Instant(), nullable=False),
        sa.Column("note", sa.String(500), nullable=True),
        sa.Column("plan_digest", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "action IN ('approved', 'refused', 'expired', 'withdrawn')",
            name=op.f("ck_job_actions_action_known"),
        ),
        sa.CheckConstraint(
            "(action = 'approved') = (plan_digest IS NOT NULL)",
            name=op.f("ck_job_actions_approved_is_a_plan"),
        ),
        sa.PrimaryKeyConstraint("job_id", "action", name=op.f("pk_job_actions")),
    )


def upgrade() -> None:
    """Let a job await an approval."""
    _of_jobs(("awaiting_approval", *_STATUSES, "refused"), (*_ENDS, "refused"), nothing_before=True)
    op.create_index(
        "jobs_awaiting_approval",
        "jobs",
        ["business_id"],
        postgresql_where=_AWAITING,
        sqlite_where=_AWAITING,
    )
    completed = _EVENTS.index("bulk_cancellation.completed") + 1
    _known("webhook_events", "type", (*_EVENTS[:completed], *_NEW_EVENTS, *_EVENTS[completed:]))
    _known("messages", "kind", (*_KINDS, "approval"))
    _create_tables()
    # Not additive: to a build of before a job that awaits approval has cancelled nothing, and yet
    # it would run it.
    op.execute(f"UPDATE schema_needs SET revision = '{revision}' WHERE name = 'build'")  # noqa: S608


def downgrade() -> None:
    """Drop approvals.

    Raises:
        sqlalchemy.exc.IntegrityError: a job awaits one or was refused one, which a build of before
            has no room for.
    """
    op.execute("UPDATE schema_needs SET revision = '0029' WHERE name = 'build'")
    for table in ("job_actions", "job_approvals", "approval_limits"):
        op.drop_table(table)
    _known("messages", "kind", _KINDS)
    _known("webhook_events", "type", _EVENTS)
    op.drop_index("jobs_awaiting_approval", "jobs")
    _of_jobs(_STATUSES, _ENDS, nothing_before=False)
