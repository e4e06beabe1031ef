"""A session may be cancelled by the platform itself, without a job of ours."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a session be cancelled without a job of ours."""
    _say("status = 'cancelled' OR job_id IS NULL")


def downgrade() -> None:
    """Schedule again what the platform cancelled, and want a job for each cancelled session."""
    # The older schema has no way to say it.
    op.execute("UPDATE sessions SET status = 'scheduled', cancelled_at = NULL WHERE job_id IS NULL")
    _say("(status = 'cancelled') = (job_id IS NOT NULL)")


def _say(rule: str) -> None:
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_constraint(op.f("ck_sessions_cancelled_by_whom"), type_="check")
        sessions.create_check_constraint(op.f("ck_sessions_cancelled_by_whom"), rule)
