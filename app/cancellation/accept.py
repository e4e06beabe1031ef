"""Accepting a bulk cancellation: one transaction, once per idempotency key.

The job, its sessions and their outcomes are committed together. From then on every accepted session
reads cancelled everywhere and takes no booking; the wake that follows may be lost without harm. A
job above a limit of its business cancels nothing before its approval (`approve`): until then it has
its sessions, and they are as they were.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.aside import aside
from app.cancellation import plan as planning
from app.cancellation.asking import ask, asked_approval
from app.cancellation.choose import MatchedSession, choose
from app.cancellation.request import Request, check
from app.cancellation.taking import (
    clocks_of,
    freeze_goodwill,
    none_left,
    outcomes_of,
    refuse_other_plan,
)
from app.db.approvals import requests
from app.db.core.engine import Database
from app.db.jobs import acceptances, job_events, job_sessions, jobs
from app.db.jobs.acceptances import Outcome
from app.db.jobs.job import Job, NewJob, as_written
from app.db.terms import overrides
from app.domain.approval import ApprovalLimits
from app.domain.messages.settings import MessageTerms, resolved
from app.domain.nouns.administration import Actor
from app.domain.nouns.approvals import AskedApproval
from app.domain.nouns.deeds import DeedKind, JobDeed, accepted_facts
from app.domain.nouns.terms import ResolvedTerms
from app.domain.owed.terms import POLICY
from app.domain.plan_totals import PlanTotals
from app.domain.statuses import JobStatus, SessionOutcome
from app.errors import Problem, Suspended
from app.fault_points import Step
from app.queue import Queue
from app.tracing import spans

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job as it was accepted, and whether this key had made it before.

    The job may have moved on since. `approval`: what it asked one for.
    """

    job: Job
    outcomes: Sequence[Outcome]
    replayed: bool
    approval: AskedApproval | None = None


async def accept(
    db: Database,
    queue: Queue,
    *,
    business_id: str,
    timezone: str,
    requested_by: Actor,
    idempotency_key: str,
    request: Request,
) -> Accepted:
    """Accept the request, or answer the job that this key made before.

    Raises:
        Invalid: a field is at fault (see `choose`).
        Suspended: the business is out of service.
        Problem: 422 `idempotency-key-reused`; 409 `sessions-already-in-process` or
            `plan-changed`.
    """
    check(request)
    fingerprint = request.fingerprint()
    asked = _Asked(business_id, timezone, requested_by, idempotency_key, fingerprint, request)
    try:
        with spans.step("accept", business_id=business_id) as traced:
            async with db.write(Step.ACCEPT) as conn:
                accepted = await _take_sessions(conn, asked)
            traced.note("bulk_cancel.job_id", accepted.job.id)
            traced.note("bulk_cancel.sessions", accepted.job.accepted_sessions)
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
    requested_by: Actor
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
        outcomes = await job_sessions.outcomes(conn, job.id)
        asked_for = await requests.of_job(conn, job.id)
        return Accepted(job, outcomes, replayed=True, approval=asked_for)


async def _take_sessions(conn: AsyncConnection, asked: _Asked) -> Accepted:
    business_id, timezone, request = asked.business_id, asked.timezone, asked.request
    chosen, requested_at, own = await choose(conn, business_id, timezone, request, lock=True)
    if all(one.outcome is not SessionOutcome.ACCEPTED for one in chosen):
        raise none_left(chosen)
    if own.is_suspended:  # its callers are believed for a while in other processes
        raise Suspended
    lines = await planning.accepted_lines(
        conn, business_id, chosen, requested_at, request, own.terms
    )
    totals = await planning.count(conn, chosen, lines)
    told = resolved(own.messages, request.messages)
    job = _job(asked, requested_at, totals, lines.terms, told)
    approval = await _checked(conn, asked, job, chosen, lines, ApprovalLimits.of(own.limits))
    if approval is not None:
        job = replace(
            job, status=JobStatus.AWAITING_APPROVAL, hold_until=None, due_at=approval.expires_at
        )
    outcomes = outcomes_of(chosen)
    clocks = await aside(len(chosen), clocks_of, chosen, timezone)
    facts = accepted_facts(job.totals, job.status)
    deed = JobDeed.by(DeedKind.ACCEPTED, asked.requested_by, fingerprint=asked.fingerprint, **facts)
    has_endpoints = await acceptances.write(conn, job, outcomes, clocks, deed)
    if has_endpoints is None:
        raise _KeyTaken
    if request.overrides:
        await overrides.insert(conn, job.business_id, job.id, request.overrides)
    written = as_written(job)
    if approval is not None:
        await ask(conn, written, approval, own.messages)
        return Accepted(written, outcomes, replayed=False, approval=approval)
    await freeze_goodwill(conn, job.id, lines, totals)
    if has_endpoints:
        taken = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
        await job_events.accepted(conn, business_id, job.id, job.status, taken)
    return Accepted(written, outcomes, replayed=False)


async def _checked(
    conn: AsyncConnection,
    asked: _Asked,
    job: NewJob,
    chosen: Sequence[MatchedSession],
    lines: planning.AcceptedLines,
    limits: ApprovalLimits,
) -> AskedApproval | None:
    """What the job has to ask an approval for; None: nothing.

    Raises:
        Problem: 409 `plan-changed`.
    """
    request, timezone, totals = asked.request, asked.timezone, job.totals
    above = await planning.exceeded_limits(
        conn, asked.business_id, timezone, limits, totals, chosen
    )
    if request.plan_digest is None and not above:
        return None
    digest = await planning.digest_of(conn, chosen, lines, totals, timezone, request)
    if request.plan_digest is not None:
        refuse_other_plan(digest, totals, request.plan_digest, chosen)
    if not above:
        return None
    return asked_approval(
        job,
        chosen,
        above,
        limits,
        asked_by=asked.requested_by.whole_id,
        plan_digest=digest,
        hold_seconds=request.hold_seconds,
    )


def _job(
    asked: _Asked,
    requested_at: dt.datetime,
    totals: PlanTotals,
    terms: ResolvedTerms | None,
    told: MessageTerms,
) -> NewJob:
    request = asked.request
    hold_until = request.hold_until(requested_at)
    milliseconds = int(requested_at.timestamp() * 1000)
    return NewJob(
        # The id carries the database's milliseconds, which its refunds' ids share.
        id=str(uuid7(nanoseconds=milliseconds * 1_000_000)),
        business_id=asked.business_id,
        idempotency_key=asked.idempotency_key,
        request_fingerprint=asked.fingerprint,
        status=JobStatus.QUEUED if hold_until is None else JobStatus.HELD,
        date_from=request.date_from,
        date_to=request.date_to,
        reason=request.reason,
        include_attended=request.include_attended,
        policy=POLICY,
        terms=None if terms is None else terms.document,
        terms_version=None if terms is None else terms.version,
        hold_until=hold_until,
        requested_by=asked.requested_by.name,
        requested_at=requested_at,
        due_at=hold_until or requested_at,
        accepted_sessions=totals.sessions,
        totals=totals,
        messages=told.document() if told.tells_somebody else None,
        traceparent=spans.traceparent(),
    )
