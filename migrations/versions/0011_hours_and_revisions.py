"""Each session counts its revisions; what a job has keeps its hours on the wall, by the rules of its acceptance."""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from app.db.core.dialect import Instant
from app.domain.days import session_times

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PAGE = 5_000
_ROWS = """
SELECT j.job_id, j.seq, j.session_starts_at, j.session_timezone, s.starts_at, s.ends_at, b.timezone
FROM job_sessions AS j
JOIN sessions AS s ON s.business_id = j.business_id AND s.id = j.session_id
JOIN businesses AS b ON b.id = j.business_id
WHERE (j.job_id, j.seq) > (:job_id, :seq) ORDER BY j.job_id, j.seq LIMIT :page
"""
_KEEP = """
UPDATE job_sessions SET session_starts_local = :starts_local, session_timezone = :timezone, session_ends_at = :ends_at
WHERE job_id = :of_job AND seq = :at_seq
"""
# A cancelled session was published as revision 1, and as 0 when its job was withdrawn: both go on
# above.
_REVISIONS = """
UPDATE sessions SET revision = 2
WHERE status = 'cancelled' OR EXISTS (
  SELECT 1 FROM job_sessions AS j
  WHERE j.business_id = sessions.business_id AND j.session_id = sessions.id AND j.released_at IS NOT NULL
)
"""


def upgrade() -> None:
    """Add sessions' revisions and the hours on the wall of jobs' sessions, and fill both."""
    op.add_column(
        "sessions", sa.Column("revision", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("sessions", sa.Column("changed_at", Instant(), nullable=True))
    op.add_column("job_sessions", sa.Column("session_ends_at", Instant(), nullable=True))
    op.add_column(
        "job_sessions", sa.Column("session_starts_local", sa.String(length=19), nullable=True)
    )
    op.execute(_REVISIONS)
    now = sa.bindparam("now", dt.datetime.now(dt.UTC), type_=Instant())
    op.execute(
        sa.text("UPDATE sessions SET changed_at = coalesce(cancelled_at, :now)").bindparams(now)
    )
    _fill_hours(op.get_bind())


def downgrade() -> None:
    """Drop sessions' revisions and the hours on the wall of jobs' sessions."""
    with op.batch_alter_table("job_sessions") as job_sessions:
        job_sessions.drop_column("session_starts_local")
        job_sessions.drop_column("session_ends_at")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("changed_at")
        sessions.drop_column("revision")


def _fill_hours(conn: sa.Connection) -> None:
    """Page by page in the order of an index: there may be millions."""
    instants = {"session_starts_at": Instant(), "starts_at": Instant(), "ends_at": Instant()}
    rows = sa.text(_ROWS).bindparams(sa.bindparam("job_id", type_=_id(conn))).columns(**instants)
    keep = sa.text(_KEEP).bindparams(
        sa.bindparam("of_job", type_=_id(conn)), sa.bindparam("ends_at", type_=Instant())
    )
    last = {"job_id": "00000000-0000-0000-0000-000000000000", "seq": 0, "page": _PAGE}
    while page := conn.execute(rows, last).all():
        conn.execute(keep, [_kept(*row) for row in page])
        last |= {"job_id": str(page[-1][0]), "seq": page[-1][1]}


def _id(conn: sa.Connection) -> sa.types.TypeEngine[str]:
    return sa.UUID(as_uuid=False) if conn.dialect.name == "postgresql" else sa.String(36)


def _kept(
    job_id: str,
    seq: int,
    at: dt.datetime,
    timezone: str,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    business_timezone: str,
) -> dict[str, object]:
    # It may have been moved since: then it lasted as long as it does now.
    end = at + (ends_at - starts_at)
    times = session_times(at, end, timezone, business_timezone)
    return {
        "of_job": str(job_id),
        "at_seq": seq,
        "starts_local": times.starts_local,
        "timezone": times.timezone,
        "ends_at": end,
    }
