"""Accepting a bulk cancellation: one transaction, once per idempotency key.

The job, its sessions and their outcomes are committed together. From then on every accepted session
reads cancelled everywhere and takes no booking; the wake that follows may be lost without harm.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.aside import aside
from app.cancellation import digests
from app.cancellation import plan as planning
from app.cancellation.choose import MatchedSession, choose
from app.cancellation.request import Request, check
from app.db.core.engine import Database
from app.db.jobs import acceptances, job_events, job_sessions, jobs
from app.db.jobs.acceptances import Outcome
from app.db.jobs.job import Job, NewJob, as_written
from app.db.terms import goodwill, overrides
from app.domain.days import session_times
from app.domain.nouns.terms import ResolvedTerms
from app.domain.owed.terms import POLICY
from app.domain.owed.terms_document import terms_of
from app.domain.plan_totals import PlanTotals, totals_fields
from app.domain.statuses import JobStatus, SessionOutcome
from app.errors import Problem
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()

_MAX_LISTED: Final = 100
_MAX_NAMED: Final = 3
_VERBS: Final = {
    "moved": "has moved",
    "changed": "has changed",
    "came": "has come",
    "went": "has gone",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job as it was accepted, and whether this key had made it before.

    The job may have moved on since.
    """

    job: Job
    outcomes: Sequence[Outcome]
    replayed: bool


async def accept(
    db: Database,
    queue: Queue,
    *,
    business_id: str,
    timezone: str,
    requested_by: str,
    idempotency_key: str,
    request: Request,
) -> Accepted:
    """Accept the request, or answer the job that this key made before.

    Raises:
        Invalid: a field is at fault (see `choose`).
        Problem: 422 `idempotency-key-reused`; 409 `sessions-already-in-process` or
            `plan-changed`.
    """
    check(request)
    fingerprint = request.fingerprint()
    asked = _Asked(business_id, timezone, requested_by, idempotency_key, fingerprint, request)
    try:
        async with db.write(Step.ACCEPT) as conn:
            accepted = await _take_sessions(conn, asked)
    except (Problem, _KeyTaken):
        # Of a request that comes again the sessions are no longer to be had, or the key is not.
        # Whoever has them has committed, so only now is it sure to be seen whether that was this
        # request.
        before = await _made_before(db, asked)
        if before is None:
            raise
        return before
    job = accepted.job
    log.info("job.accepted", job_id=job.id, business_id=business_id, sessions=job.accepted_sessions)
    if job.status is JobStatus.QUEUED:
        await queue.wake(job.id)
    return accepted


class _KeyTaken(Exception):  # noqa: N818 - no error: the job that the key made is the answer
    """The key has made a job before."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, who makes it, and under which key."""

    business_id: str
    timezone: str
    requested_by: str
    idempotency_key: str
    fingerprint: str
    request: Request


async def _made_before(db: Database, asked: _Asked) -> Accepted | None:
    async with db.read() as conn:
        job = await jobs.job_of_key(conn, asked.business_id, asked.idempotency_key)
        if job is None:
            return None
        if job.request_fingerprint != asked.fingerprint:
            raise Problem(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key was used for another request",
                "The key came before with another body. Use a new key for a new request.",
                extensions={"job_id": job.id},
            )
        return Accepted(job, await job_sessions.outcomes(conn, job.id), replayed=True)


async def _take_sessions(conn: AsyncConnection, asked: _Asked) -> Accepted:
    business_id, timezone, request = asked.business_id, asked.timezone, asked.request
    chosen, requested_at = await choose(conn, business_id, timezone, request, lock=True)
    if all(one.outcome is not SessionOutcome.ACCEPTED for one in chosen):
        raise _none_left(chosen)
    lines = await planning.accepted_lines(conn, business_id, chosen, requested_at, request)
    totals = await planning.count(conn, chosen, lines)
    if request.plan_digest is not None:
        digest = await planning.digest_of(conn, chosen, lines, totals, timezone, request)
        _refuse_other_plan(digest, totals, request.plan_digest, chosen)
    job = _job(asked, requested_at, totals, lines.terms)
    outcomes = [Outcome(one.id, one.outcome, one.job_id) for one in chosen]
    clocks = await aside(len(chosen), _clocks, chosen, timezone)
    has_endpoints = await acceptances.write(conn, job, outcomes, clocks)
    if has_endpoints is None:
        raise _KeyTaken
    if request.overrides:
        await overrides.insert(conn, job.id, request.overrides)
    if totals.goodwill_grants and job.terms is not None:
        per = terms_of(job.terms).goodwill.per
        await goodwill.freeze(conn, job.id, lines.lines, lines.parameters, per)
    taken = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
    if has_endpoints:
        await job_events.accepted(conn, business_id, job.id, job.status, taken)
    return Accepted(as_written(job), outcomes, replayed=False)


def _clocks(chosen: Sequence[MatchedSession], timezone: str) -> dict[str, acceptances.Clock]:
    return {one.id: _clock(one, timezone) for one in chosen}


def _clock(one: MatchedSession, business_timezone: str) -> acceptances.Clock:
    of = one.session
    times = session_times(of.starts_at, of.ends_at, of.timezone, business_timezone)
    return acceptances.Clock(times.timezone, times.starts_local)


def _job(
    asked: _Asked, requested_at: dt.datetime, totals: PlanTotals, terms: ResolvedTerms | None
) -> NewJob:
    request = asked.request
    held = request.hold_seconds > 0
    hold_until = requested_at + dt.timedelta(seconds=request.hold_seconds) if held else None
    milliseconds = int(requested_at.timestamp() * 1000)
    return NewJob(
        # The id carries the database's milliseconds, which its refunds' ids share.
        id=str(uuid7(nanoseconds=milliseconds * 1_000_000)),
        business_id=asked.business_id,
        idempotency_key=asked.idempotency_key,
        request_fingerprint=asked.fingerprint,
        status=JobStatus.HELD if held else JobStatus.QUEUED,
        date_from=request.date_from,
        date_to=request.date_to,
        reason=request.reason,
        include_attended=request.include_attended,
        policy=POLICY,
        terms=None if terms is None else terms.document,
        terms_version=None if terms is None else terms.version,
        hold_until=hold_until,
        requested_by=asked.requested_by,
        requested_at=requested_at,
        due_at=hold_until or requested_at,
        accepted_sessions=totals.sessions,
        totals=totals,
    )


def _none_left(chosen: Sequence[MatchedSession]) -> Problem:
    holders = [
        {"session_id": one.id, "outcome": one.outcome, "job_id": one.job_id} for one in chosen
    ]
    in_process = any(one.outcome is SessionOutcome.ALREADY_IN_PROCESS for one in chosen)
    return Problem(
        409,
        "sessions-already-in-process",
        "The sessions are already in process",
        "Every chosen session is already in process or cancelled."
        if in_process
        else "Every chosen session is already cancelled.",
        extensions={"sessions": holders},
    )


def _refuse_other_plan(
    digest: str, totals: PlanTotals, plan_digest: str, chosen: Sequence[MatchedSession]
) -> None:
    if digest == plan_digest:
        return
    planned = planning.totals_in(plan_digest)
    changes = digests.changes(plan_digest, digest)
    names = {one.id: one.session.name for one in chosen}
    if digests.terms_differ(plan_digest, digest):
        detail = "The plan was made under other terms or overrides. Plan again."
    elif changes:
        detail = f"{_in_words(changes, names)} Plan again."
    elif planned == replace(totals, kept={}):  # a digest carries no sums by rule
        detail = (
            "The counts and sums are the plan's, but some bookings or amounts are others."
            " Plan again."
        )
    else:
        detail = "The bookings are not the plan's any more. Plan again."
    named = [
        asdict(one) | {"name": names.get(one.session_id or "")} for one in changes[:_MAX_LISTED]
    ]
    raise Problem(
        409,
        "plan-changed",
        "The plan has changed",
        detail,
        extensions={
            "planned": planned and totals_fields(planned),
            "now": totals_fields(totals),
            "plan_digest": digest,
            "changes": named,
            "change_count": len(changes),
        },
    )


def _in_words(changes: Sequence[digests.PlanChange], names: Mapping[str, str]) -> str:
    parts = []
    for one in changes[:_MAX_NAMED]:
        name = names.get(one.session_id or "")
        what = one.day or (f"{name} ({one.session_id})" if name else one.session_id)
        parts.append(f"{what} {_VERBS[one.change]}")
    more = len(changes) - len(parts)
    return "; ".join(parts) + (f"; and {more} more." if more else ".")
