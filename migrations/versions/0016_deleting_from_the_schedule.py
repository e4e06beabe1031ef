"""Deleting from the schedule: a client's row outlives them, and a session of a job outlives the session."""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FOREIGN_KEY = "fk_job_sessions_business_id_sessions"
_SESSIONS = sa.table(
    "sessions",
    *map(sa.column, ("business_id", "id", "name", "timezone", "status", "search_text")),
    *(sa.column(name, Instant()) for name in ("starts_at", "ends_at", "cancelled_at")),
)
_OF_JOBS = sa.table(
    "job_sessions",
    *map(sa.column, ("business_id", "session_id", "session_name", "session_timezone")),
    sa.column("session_starts_at", Instant()),
    sa.column("session_ends_at", Instant()),
)


def upgrade() -> None:
    """Let clients be marked as deleted, and sessions go that a job had."""
    with op.batch_alter_table("clients") as clients:
        clients.add_column(sa.Column("deleted_at", Instant(), nullable=True))
    with op.batch_alter_table("job_sessions") as job_sessions:
        job_sessions.drop_constraint(op.f(_FOREIGN_KEY), type_="foreignkey")


def downgrade() -> None:
    """Bring back deleted sessions of jobs, and drop the marks of deleted clients."""
    _bring_back_sessions()
    with op.batch_alter_table("job_sessions") as job_sessions:
        job_sessions.create_foreign_key(
            op.f(_FOREIGN_KEY), "sessions", ["business_id", "session_id"], ["business_id", "id"]
        )
    with op.batch_alter_table("clients") as clients:
        clients.drop_column("deleted_at")


def _bring_back_sessions() -> None:
    """A row for each session that is gone and that the older schema wants for a job's: cancelled, without bookings."""
    there = sa.exists().where(
        _SESSIONS.c.business_id == _OF_JOBS.c.business_id, _SESSIONS.c.id == _OF_JOBS.c.session_id
    )
    gone = {
        (row.business_id, row.session_id): row
        for row in op.get_bind().execute(sa.select(_OF_JOBS).where(~there))
    }
    rows = [
        {
            "business_id": business_id,
            "id": id_,
            "name": row.session_name,
            "timezone": row.session_timezone,
            "status": "cancelled",
            "search_text": "",
            "starts_at": row.session_starts_at,
            "ends_at": row.session_ends_at or row.session_starts_at + dt.timedelta(hours=1),
            "cancelled_at": row.session_starts_at,
        }
        for (business_id, id_), row in gone.items()
    ]
    if rows:
        op.get_bind().execute(sa.insert(_SESSIONS), rows)
