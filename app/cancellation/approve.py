"""Approving or refusing a job that is above a limit of its business.

What is approved is a plan of now, by its digest, and that is what is done: the approval takes the
sessions as a press does, in one transaction under the job row's lock. Nobody approves their own.
Until then nothing is cancelled, and no refund has a row.
"""

import datetime as dt
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.aside import aside
from app.auth.makers import are_in_one_hand
from app.cancellation import plan as planning
from app.cancellation.awaiting import Looked, asked_of, look, not_awaiting
from app.cancellation.taking import (
    clocks_of,
    freeze_goodwill,
    none_left,
    outcomes_of,
    refuse_other_plan,
)
from app.db.approvals import requests
from app.db.core.dialect import clock
from app.db.core.engine import Database
from app.db.evidence import links
from app.db.jobs import acceptances, job_events, jobs
from app.db.jobs.job import Job
from app.db.terms import terms_history
from app.domain.nouns.administration import Actor
from app.domain.nouns.approvals import ActionOfJob, AskedApproval
from app.domain.nouns.deeds import DeedKind, JobDeed, accepted_facts
from app.domain.owed.terms import POLICY
from app.domain.statuses import JobAction, JobStatus, SessionOutcome
from app.errors import Problem, Suspended
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()

_NOBODY: Final = "service"  # who ends what nobody has approved in time


async def approve(
    db: Database,
    queue: Queue,
    business_id: str,
    timezone: str,
    job_id: str,
    *,
    plan_digest: str,
    note: str | None,
    actor: Actor,
) -> Job:
    """Let a job do the plan of this digest: from the commit on its sessions read cancelled.

    The same approval again changes nothing. What it holds for begins now.

    Raises:
        NotFound: no such job.
        Suspended: the business is out of service.
        Problem: 403 `own-request`; 409 `not-awaiting-approval`, `plan-changed`,
            `sessions-already-in-process`.
    """
    async with db.write(Step.APPROVE) as conn:
        job = await jobs.existing(conn, business_id, job_id, lock=True)
        if job.approved_at is not None:
            if await requests.approved_digest(conn, job_id) == plan_digest:
                return job
            raise not_awaiting(job)
        asked = await asked_of(conn, job)
        await _refuse_own(conn, business_id, asked, actor)
        if (await terms_history.with_messages(conn, business_id)).is_suspended:
            raise Suspended
        looked = await look(conn, job, timezone, lock=True)
        if all(one.outcome is not SessionOutcome.ACCEPTED for one in looked.chosen):
            raise none_left(looked.chosen)
        approved_at = await _take(conn, job, asked, looked, timezone, plan_digest)
        done = ActionOfJob(JobAction.APPROVED, actor.name, actor.whole_id, approved_at, note)
        await requests.add_action(conn, business_id, job_id, done, plan_digest=plan_digest)
        job = await jobs.existing(conn, business_id, job_id)
        facts = accepted_facts(job.totals, job.status) | {"plan_digest": plan_digest}
        await links.add(conn, job_id, JobDeed.by(DeedKind.APPROVED, actor, **facts))
    log.info("job.approved", job_id=job_id, business_id=business_id, sessions=job.accepted_sessions)
    if job.status is JobStatus.QUEUED:
        await queue.wake(job_id)
    return job


async def refuse(db: Database, business_id: str, job_id: str, *, note: str, actor: Actor) -> Job:
    """End a job that awaits an approval: its sessions stay as they are. A refused one stays so.

    Raises:
        NotFound: no such job.
        Problem: 409 `not-awaiting-approval`.
    """
    async with db.write(Step.REFUSE) as conn:
        job = await jobs.existing(conn, business_id, job_id, lock=True)
        if job.status is JobStatus.REFUSED:
            return job
        await asked_of(conn, job)
        await _end(conn, job, JobAction.REFUSED, actor.name, actor.whole_id, note)
        await links.add(conn, job_id, JobDeed.by(DeedKind.REFUSED, actor))
        job = await jobs.existing(conn, business_id, job_id)
    log.info("job.refused", job_id=job_id, business_id=business_id)
    return job


async def _take(
    conn: AsyncConnection,
    job: Job,
    asked: AskedApproval,
    looked: Looked,
    timezone: str,
    plan_digest: str,
) -> dt.datetime:
    """Cancel the job's sessions as they are, if that is the plan of this digest; from when on.

    Raises:
        Problem: 409 `plan-changed`.
    """
    chosen, lines = looked.chosen, looked.lines
    totals = await planning.count(conn, chosen, lines)
    digest = await planning.digest_of(conn, chosen, lines, totals, timezone, looked.request)
    refuse_other_plan(digest, totals, plan_digest, chosen)
    at = looked.as_of
    holds = dt.timedelta(seconds=asked.hold_seconds)
    approved = replace(
        job,
        status=JobStatus.HELD if holds else JobStatus.QUEUED,
        policy=POLICY,
        hold_until=at + holds if holds else None,
        approved_at=at,
        due_at=at + holds,
        accepted_sessions=totals.sessions,
        totals=totals,
    )
    clocks = await aside(len(chosen), clocks_of, chosen, timezone)
    has_endpoints = await acceptances.write_approved(conn, approved, outcomes_of(chosen), clocks)
    await freeze_goodwill(conn, job.id, lines, totals)
    if has_endpoints:
        taken = [one.id for one in chosen if one.outcome is SessionOutcome.ACCEPTED]
        await job_events.accepted(conn, job.business_id, job.id, approved.status, taken)
    return at


async def expire(conn: AsyncConnection, job: Job) -> bool:
    """End a locked job that awaits an approval, if its time is over; whether it is."""
    asked = await requests.of_job(conn, job.id)
    if asked is None or asked.expires_at > await clock(conn):
        return False
    await _end(conn, job, JobAction.EXPIRED, _NOBODY, _NOBODY, None)
    await links.add(conn, job.id, JobDeed(DeedKind.EXPIRED, _NOBODY))
    log.info("job.expired", job_id=job.id, business_id=job.business_id)
    return True


async def _end(
    conn: AsyncConnection, job: Job, action: JobAction, actor: str, actor_id: str, note: str | None
) -> None:
    at = await clock(conn)
    await jobs.release_sessions(conn, job.business_id, job.id)
    await jobs.update(conn, job.id, status=JobStatus.REFUSED, finished_at=at, due_at=None)
    done = ActionOfJob(action, actor, actor_id, at, note)
    await requests.add_action(conn, job.business_id, job.id, done)
    await job_events.refused(conn, job.business_id, job.id, action)


async def _refuse_own(
    conn: AsyncConnection, business_id: str, asked: AskedApproval, actor: Actor
) -> None:
    if not await are_in_one_hand(conn, business_id, asked.asked_by, actor.whole_id):
        return
    detail = (
        "You have asked for it: somebody else approves it. You can withdraw it."
        if asked.asked_by == actor.whole_id
        else "Who makes or rotates a key may act as it: one of you two has for the other."
    )
    raise Problem(403, "own-request", "Nobody approves their own request", detail)
