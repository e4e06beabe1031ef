"""Which sessions a request means, with each one's outcome, or its fields at fault."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.cancellation.request import Request
from app.db.core.dialect import clock
from app.db.jobs import found_sessions, jobs
from app.db.jobs.found_sessions import FoundSession, Holders
from app.db.jobs.job import Job
from app.db.terms import terms_history
from app.db.terms.terms_history import OwnSettings
from app.domain.days import Days, business_zone
from app.domain.nouns.keys import Locations
from app.domain.statuses import SessionOutcome, SessionStatus
from app.errors import FieldError, Invalid

_MAX_ERRORS = 100


class MatchedSession(NamedTuple):
    """One session of a request, and what becomes of it."""

    session: FoundSession
    outcome: SessionOutcome

    @property
    def id(self) -> str:
        return self.session.id

    @property
    def job_id(self) -> str | None:
        """The job that has it already, or awaits an approval for it."""
        return self.session.job_id


class Choice(NamedTuple):
    """A request's sessions in start order, when they were read, and what the business had set then.

    `read_at` is by the database's clock.
    """

    sessions: list[MatchedSession]
    read_at: dt.datetime
    own: OwnSettings


async def choose(
    conn: AsyncConnection, business_id: str, timezone: str, request: Request, *, lock: bool
) -> Choice:
    """What a request means; its sessions are locked until the transaction ends if `lock`.

    Raises:
        Invalid: an id is unknown or outside the range, or the range has no session.
        Problem: see `business_zone`.
    """
    zone = business_zone(timezone)
    days = Days(request.date_from, request.date_to, zone)
    if request.session_ids == "all":
        found = await found_sessions.sessions_in_range(
            conn, business_id, days.from_at, days.until_at, lock=lock
        )
        found = _within(found, request.within)
        if not found:
            raise Invalid(
                [FieldError("/session_ids", "no-sessions", "There is no session in this range.")]
            )
    else:
        found = await found_sessions.named_sessions(
            conn, business_id, request.session_ids, lock=lock
        )
        found = _within(found, request.within)
        inside = {one.id: days.from_at <= one.starts_at < days.until_at for one in found}
        _refuse_strangers(request.session_ids, inside)
    own = await terms_history.with_messages(conn, business_id)
    if own.awaits_approval:
        found = await found_sessions.awaited_sessions(conn, business_id, found, but_for=None)
    return Choice(await _with_outcomes(conn, found), found[0].read_at, own)


async def choose_again(
    conn: AsyncConnection, timezone: str, job: Job, session_ids: Sequence[str], *, lock: bool
) -> tuple[list[MatchedSession], dt.datetime]:
    """The same of what a job that awaits an approval chose: as its sessions are now.

    Those that are gone, or no longer start in its range, are not in it: nobody asked for that.

    Raises:
        Problem: see `business_zone`.
    """
    days = Days(job.date_from, job.date_to, business_zone(timezone))
    found = await found_sessions.named_sessions(conn, job.business_id, session_ids, lock=lock)
    found = await found_sessions.awaited_sessions(conn, job.business_id, found, but_for=job.id)
    inside = [one for one in found if days.from_at <= one.starts_at < days.until_at]
    return await _with_outcomes(conn, inside), await clock(conn)


async def _with_outcomes(
    conn: AsyncConnection, found: Sequence[FoundSession]
) -> list[MatchedSession]:
    holders = await found_sessions.holders_of(conn, found)
    return await aside(len(found), _matched, found, holders)


def _within(found: list[FoundSession], locations: Locations) -> list[FoundSession]:
    """Those that a caller with this limit has: any other is as one that there is not."""
    return found if locations is None else [one for one in found if one.location in locations]


def _matched(found: Sequence[FoundSession], holders: Holders) -> list[MatchedSession]:
    in_order = sorted(found, key=lambda one: (one.starts_at, one.id))
    return [MatchedSession(one, _outcome(one, holders)) for one in in_order]


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


def _outcome(session: FoundSession, holders: Holders) -> SessionOutcome:
    if session.status is SessionStatus.SCHEDULED:
        is_awaited = session.job_id is not None  # by a job that nobody has approved yet
        return SessionOutcome.ALREADY_IN_PROCESS if is_awaited else SessionOutcome.ACCEPTED
    # Without a job, the platform itself has cancelled it.
    if session.job_id is not None and jobs.is_in_process(holders[session.job_id]):
        return SessionOutcome.ALREADY_IN_PROCESS
    return SessionOutcome.ALREADY_CANCELLED
