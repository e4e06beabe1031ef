"""Which sessions a request means and what each one's outcome is, or which of its fields are at fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.request import Request
from app.days import Days, zone_named
from app.db import jobs
from app.db.dialect import in_list
from app.db.tables import SessionOutcome, SessionStatus, sessions
from app.errors import FieldError, Invalid

_MOST_ERRORS = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """One session of a request; `job_id` is the job that has it already."""

    row: sa.RowMapping
    outcome: SessionOutcome
    job_id: str | None

    @property
    def id(self) -> str:
        return str(self.row["id"])


async def choose(
    conn: AsyncConnection, business_id: str, timezone: str, request: Request, *, lock: bool
) -> list[Chosen]:
    """The request's sessions in start order, locked until the transaction ends if `lock`.

    Raises:
        Invalid: an id is unknown or outside the range, or the range has no session.
    """
    zone = zone_named(timezone)
    assert zone is not None
    days = Days(request.date_from, request.date_to, zone)
    in_range = sa.and_(sessions.c.starts_at >= days.from_at, sessions.c.starts_at < days.until_at)
    if request.session_ids == "all":
        rows = await jobs.choose_sessions(conn, business_id, within=in_range, lock=lock)
        if not rows:
            raise Invalid([FieldError("/session_ids", "no-sessions", "There is no session in this range.")])
    else:
        within = in_list(sessions.c.id, request.session_ids)
        rows = await jobs.choose_sessions(conn, business_id, within=within, lock=lock)
        inside = {row["id"]: days.from_at <= row["starts_at"] < days.until_at for row in rows}
        _refuse_strangers(request.session_ids, inside)
    chosen = [Chosen(row, *_outcome(row)) for row in rows]
    return sorted(chosen, key=lambda one: (one.row["starts_at"], one.id))


def _refuse_strangers(ids: Sequence[str], inside: Mapping[str, bool]) -> None:
    errors = []
    for place, session_id in enumerate(ids):
        if session_id not in inside:
            errors.append(FieldError(f"/session_ids/{place}", "unknown-session", f"There is no session {session_id}."))
        elif not inside[session_id]:
            detail = f"{session_id} does not start between date_from and date_to."
            errors.append(FieldError(f"/session_ids/{place}", "outside-range", detail))
    if errors:
        raise Invalid(errors[:_MOST_ERRORS], detail=f"{len(errors)} of the sessions can't be chosen.")


def _outcome(row: sa.RowMapping) -> tuple[SessionOutcome, str | None]:
    if row["status"] == SessionStatus.SCHEDULED:
        return SessionOutcome.ACCEPTED, None
    if jobs.is_in_process(row["job_status"]):
        return SessionOutcome.ALREADY_IN_PROCESS, row["job_id"]
    return SessionOutcome.ALREADY_CANCELLED, row["job_id"]
