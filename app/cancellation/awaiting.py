"""What a job that awaits an approval would do now, and how that differs from what was asked for.

Its sessions and their bookings go on as they were: so its plan is made anew for whoever is to
approve it, of the sessions that it chose and the terms that it was asked under.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import digests
from app.cancellation import plan as planning
from app.cancellation.choose import MatchedSession, choose_again
from app.cancellation.digests import PlanChange
from app.cancellation.plan import AcceptedLines, CancellationPlan
from app.cancellation.request import Request
from app.db.approvals import requests
from app.db.approvals.limits import limits
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.jobs import job_sessions, jobs
from app.db.jobs.job import Job
from app.db.terms import overrides
from app.domain.approval import ApprovalLimits
from app.domain.nouns.approvals import AskedApproval
from app.domain.nouns.terms import ResolvedTerms
from app.domain.statuses import JobStatus, SessionOutcome
from app.errors import Problem


@dataclass(frozen=True, slots=True)
class PlanOfJob:
    """What an approval would do now, and how that differs from what was asked for."""

    plan: CancellationPlan
    changes: Sequence[PlanChange]


@dataclass(frozen=True, slots=True)
class Looked:
    """A job's request with its sessions and lines as they are at `as_of`."""

    request: Request
    chosen: Sequence[MatchedSession]
    as_of: dt.datetime
    lines: AcceptedLines


async def plan_of_job(db: Database, business_id: str, timezone: str, job_id: str) -> PlanOfJob:
    """The plan of a job that awaits an approval, as it is now.

    Raises:
        NotFound: no such job.
        Problem: 409 `not-awaiting-approval`.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        asked = await asked_of(conn, job)
        looked = await look(conn, job, timezone, lock=False)
        own = await limits.in_force(conn, business_id)
        reading = await planning.read_lines(
            conn,
            business_id,
            timezone,
            looked.chosen,
            looked.as_of,
            looked.lines,
            ApprovalLimits.of(None if own is None else own.document),
        )
    would = await planning.plan_of(reading, timezone, looked.request)
    return PlanOfJob(would, digests.changes(asked.plan_digest, would.digest))


async def asked_of(conn: AsyncConnection, job: Job) -> AskedApproval:
    """What a job asks for whose time is not over.

    Raises:
        Problem: 409 `not-awaiting-approval`.
    """
    asked = await requests.of_job(conn, job.id)
    if asked is None or job.status is not JobStatus.AWAITING_APPROVAL:
        raise not_awaiting(job)
    if asked.expires_at <= await clock(conn):
        raise not_awaiting(job, "Its time to be approved is over.")
    return asked


def not_awaiting(job: Job, detail: str | None = None) -> Problem:
    """409 `not-awaiting-approval`: there is nothing to decide."""
    return Problem(
        409,
        "not-awaiting-approval",
        "The bulk cancellation does not await an approval",
        detail or f"It is {job.status}.",
        extensions={"job_status": job.status},
    )


async def look(conn: AsyncConnection, job: Job, timezone: str, *, lock: bool) -> Looked:
    """A job's request as it is now; `lock` keeps its sessions so until the transaction ends.

    What an override says of a booking that is gone is said of nothing.

    Raises:
        Problem: see `business_zone`.
    """
    ids = [one.session_id for one in await job_sessions.outcomes(conn, job.id)]
    chosen, as_of = await choose_again(conn, timezone, job, ids, lock=lock)
    said = await overrides.of_one_job(conn, job.id)
    request = Request(
        date_from=job.date_from,
        date_to=job.date_to,
        session_ids=tuple(ids),
        include_attended=job.include_attended,
        overrides=said,
    )
    terms = None if job.terms is None else ResolvedTerms(job.terms, job.terms_version)
    taken = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    lines = planning.lines_of(conn, job.business_id, taken, as_of, request, terms)
    return Looked(request, chosen, as_of, lines)
