"""A job's refunds of some of its sessions, as a range of the primary key."""

from typing import Any

import sqlalchemy as sa

from app.domain.refund_ids import lowest_id


def in_sessions(
    id_: sa.ColumnElement[Any], job_id: str, positions: range
) -> sa.ColumnElement[bool]:
    """Whether a refund of the job is of a session at one of these positions.

    Its id tells: the refunds of these sessions are a range of the primary key.
    """
    return sa.and_(
        id_ >= lowest_id(job_id, positions.start), id_ < lowest_id(job_id, positions.stop)
    )
