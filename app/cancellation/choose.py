"""Which sessions a request means, with each one's outcome, or its fields at fault."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.cancellation.request import Request
from app.db.core.driver import Row
from app.db.jobs import jobs
from app.domain.days import Days, business_zone
from app.domain.statuses import SessionOutcome, SessionStatus
from app.errors import FieldError, Invalid

_MAX_ERRORS = 100


@dataclass(frozen=True, slots=True)
class MatchedSession:
    """One session of a request; `job_id` is the job that has it already."""

    row: Row
    outcome: SessionOutcome
    job_id: str | None

    @property
    def id(self) -> str:
        return str(self.row["id"])


async def choose(
    conn: AsyncConnection, business_id: str, timezone: str, request: Request, *, lock: bool
) -> tuple[list[MatchedSession], dt.datetime]:
    """The request's sessions in start order, and the database's clock when they were read.

    They are locked until the transaction ends if `lock`.

    Raises:
        Invalid: an id is unknown or outside the range, or the range has no session.
        Problem: see `business_zone`.
    """
    zone = business_zone(timezone)
    days = Days(request.date_from, request.date_to, zone)
    if request.session_ids == "all":
        rows, holders = await jobs.sessions_in_range(
            conn, business_id, days.from_at, days.until_at, lock=lock
        )
        if not rows:
            raise Invalid(
                [FieldError("/session_ids", "no-sessions", "There is no session in this range.")]
            )
    else:
        rows, holders = await jobs.named_sessions(conn, business_id, request.session_ids, lock=lock)
        inside = {row["id"]: days.from_at <= row["starts_at"] < days.until_at for row in rows}
        _refuse_strangers(request.session_ids, inside)
    return await aside(len(rows), _chosen, rows, holders), rows[0]["read_at"]


def _chosen(rows: Sequence[Row], holders: Mapping[str, str]) -> list[MatchedSession]:
    chosen = [MatchedSession(row, _outcome(row, holders), row["job_id"]) for row in rows]
    return sorted(chosen, key=lambda one: (one.row["starts_at"], one.id))


def _refuse_strangers(ids: Sequence[str], inside: Mapping[str, bool]) -> None:
    errors = []
    for place, session_id in enumerate(ids):
        if session_id not in inside:
            detail = f"There is no session {session_id}."
            errors.append(FieldError(f"/session_ids/{place}", "unknown-session", detail))
        elif not inside[session_id]:
            detail = f"{session_id} does not start between date_from and date_to."
            errors.append(FieldError(f"/session_ids/{place}", "outside-range", detail))
    if errors:
        raise Invalid(
            errors[:_MAX_ERRORS], detail=f"{len(errors)} of the sessions can't be chosen."
        )


def _outcome(row: Row, holders: Mapping[str, str]) -> SessionOutcome:
    if row["status"] == SessionStatus.SCHEDULED:
        return SessionOutcome.ACCEPTED
    # Without a job, the platform itself has cancelled it.
    if row["job_id"] is not None and jobs.is_in_process(holders[row["job_id"]]):
        return SessionOutcome.ALREADY_IN_PROCESS
    return SessionOutcome.ALREADY_CANCELLED
