"""What a person may do to a job afterwards: withdraw, retry, or resolve one refund.

A job is withdrawn while it is on hold or awaits an approval, and a refund is resolved by hand. Each
is one transaction under the job row's lock, so that it can't cross the worker's start or another
person's click.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.expand import expand_chunk
from app.db.approvals import requests
from app.db.core.dialect import clock, now
from app.db.core.engine import Database
from app.db.evidence import links
from app.db.jobs import client_news, completion, job_events, jobs
from app.db.jobs.job import Job
from app.db.refunds import manual_changes
from app.domain.nouns.administration import Actor
from app.domain.nouns.approvals import ActionOfJob
from app.domain.nouns.cancellations import Refund
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.statuses import NEEDS_A_PERSON, WAIVED, JobAction, JobStatus, RefundStatus
from app.errors import FieldError, Invalid, NotFound, Problem
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()


class Resolution(StrEnum):
    """How a person closed a refund that no machine could."""

    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    WAIVED = WAIVED


@dataclass(frozen=True, slots=True)
class Retried:
    """Which of a job's refunds to try again.

    Those of these ids, or of these codes; with neither, all but disputed ones.
    """

    refund_ids: tuple[str, ...] = ()
    failure_codes: tuple[str, ...] = ()


ALL_BUT_DISPUTED: Final = Retried()


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person says of a refund.

    `amount_minor` came back elsewhere, in the line's currency; None: all of it.
    """

    resolution: Resolution
    reference: str
    note: str | None
    amount_minor: int | None = None


async def withdraw(db: Database, business_id: str, job_id: str, *, actor: Actor) -> Job:
    """Undo a job that is still on hold, or awaits an approval: its sessions are scheduled again.

    A withdrawn one stays so.

    Raises:
        NotFound: no such job.
        Problem: 409 `not-on-hold`.
    """
    async with db.write(Step.WITHDRAW) as conn:
        job = await jobs.existing(conn, business_id, job_id, lock=True)
        if job.status == JobStatus.WITHDRAWN:
            return job
        awaits = job.status is JobStatus.AWAITING_APPROVAL
        if not awaits and not await jobs.is_on_hold(conn, job):
            raise Problem(
                409,
                "not-on-hold",
                "The bulk cancellation is not on hold",
                f"Only a job on hold can be withdrawn; this one is {job.status}."
                if job.status != JobStatus.HELD
                else "Its hold has just ended.",
                extensions={"job_status": job.status},
            )
        if not awaits:
            # What would have been returned is kept for the audit, while the bookings are still
            # frozen.
            await expand_chunk(conn, job, at_most=job.accepted_sessions, withdrawn=True)
        await jobs.release_sessions(conn, business_id, job_id)
        at = await clock(conn)
        await jobs.update(conn, job_id, status=JobStatus.WITHDRAWN, finished_at=at, due_at=None)
        done = ActionOfJob(JobAction.WITHDRAWN, actor.name, actor.whole_id, at, None)
        await requests.add_action(conn, business_id, job_id, done)
        await links.add(conn, job_id, JobDeed.by(DeedKind.WITHDRAWN, actor))
        await job_events.withdrawn(conn, business_id, job_id)
        log.info("job.withdrawn", job_id=job_id, business_id=business_id)
        return await jobs.existing(conn, business_id, job_id)


async def retry(
    db: Database,
    queue: Queue,
    business_id: str,
    job_id: str,
    *,
    actor: Actor,
    retried: Retried = ALL_BUT_DISPUTED,
) -> tuple[Job, int]:
    """Try the job's rejected refunds again, and look again for those given up on.

    One that is named and under way already is left as it is, so that a call may be repeated.

    Returns:
        the job, and how many refunds are under way again (0 changes nothing).

    Raises:
        NotFound: no such job.
        Invalid: a refund is named that the job doesn't have, or that is settled.
    """
    async with db.write(Step.RETRY) as conn:
        await jobs.existing(conn, business_id, job_id, lock=True)
        await _check_named(conn, job_id, retried.refund_ids)
        ids, codes = retried.refund_ids, retried.failure_codes
        deed = JobDeed.by(DeedKind.RETRIED, actor)
        count = await manual_changes.try_again(
            conn, job_id, deed=deed, refund_ids=ids, failure_codes=codes
        )
        count += await manual_changes.look_again(
            conn, job_id, deed=deed, refund_ids=ids, failure_codes=codes
        )
        if count:
            await jobs.update(
                conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now()
            )
            log.info("job.retried", job_id=job_id, business_id=business_id, refunds=count)
        job = await jobs.existing(conn, business_id, job_id)
    if count:
        await queue.wake(job_id)
    return job, count


async def _check_named(conn: AsyncConnection, job_id: str, refund_ids: Sequence[str]) -> None:
    found = await manual_changes.standing_of(conn, job_id, refund_ids) if refund_ids else {}
    errors = []
    for place, refund_id in enumerate(refund_ids):
        pointer = f"/refund_ids/{place}"
        if refund_id not in found:
            errors.append(
                FieldError(pointer, "unknown-refund", "The bulk cancellation has no such refund.")
            )
            continue
        status, at_work, is_held_back, is_returned_twice = found[refund_id]
        if is_held_back:
            detail = "Other refunds claim all that was paid: this one can only be resolved by hand."
            errors.append(FieldError(pointer, "not-retriable", detail))
        elif is_returned_twice:
            detail = (
                "It was made, and another leg of its line too: it can only be resolved by hand."
            )
            errors.append(FieldError(pointer, "not-retriable", detail))
        elif status not in NEEDS_A_PERSON and not at_work:
            detail = (
                f"It is {status}: only what was rejected, or is without an end, can be tried again."
            )
            errors.append(FieldError(pointer, "not-retriable", detail))
    if errors:
        raise Invalid(errors)


async def resolve(
    db: Database,
    business_id: str,
    job_id: str,
    refund_id: str,
    said: ByHand,
    *,
    actor: Actor,
) -> Refund:
    """Close a refund that was rejected or of which nothing is known.

    Said again otherwise it corrects what was said, and the history keeps both; the same again
    changes nothing.

    Raises:
        NotFound: no such job or refund.
        Invalid: an amount that the line can't have.
        Problem: 409 `not-resolvable`.
    """
    async with db.write(Step.RESOLVE) as conn:
        job = await jobs.existing(conn, business_id, job_id, lock=True)
        refund = await manual_changes.lock_refund(conn, job_id, refund_id)
        if refund is None:
            raise NotFound("refund")
        _check_amount(refund, said)
        is_resolved = refund.status == RefundStatus.RESOLVED
        if is_resolved and _said_of(refund) == said:
            return refund
        if not is_resolved and (refund.status not in NEEDS_A_PERSON or refund.due_at is not None):
            detail = (
                f"It is {refund.status}; only what no machine is at work on any more,"
                " and is not settled, can."
            )
            raise Problem(
                409,
                "not-resolvable",
                "The refund can't be resolved by hand",
                detail,
                extensions={"refund_status": refund.status},
            )
        seq = job.outcome_seq + 1
        await jobs.update(conn, job_id, outcome_seq=seq)
        await manual_changes.resolve(
            conn,
            refund_id,
            outcome_seq=seq,
            code=said.resolution,
            detail=said.note,
            reference=said.reference,
            amount_minor=said.amount_minor,
            deed=JobDeed.by(DeedKind.RESOLVED, actor),
        )
        await client_news.settled(
            conn, business_id, job_id, [refund_id], is_told=job.messages is not None, is_heard=True
        )
        await completion.complete_if_nobody_is_needed(conn, job_id)
        log.info("refund.resolved", refund_id=refund_id, job_id=job_id, resolution=said.resolution)
        resolved = await manual_changes.lock_refund(conn, job_id, refund_id)
    assert resolved is not None
    return resolved


def _said_of(refund: Refund) -> ByHand:
    """What a person has said of a resolved refund."""
    return ByHand(
        Resolution(refund.failure_code or ""),
        refund.upstream_reference or "",
        refund.failure_detail,
        refund.resolved_amount_minor,
    )


def _check_amount(refund: Refund, said: ByHand) -> None:
    if said.amount_minor is None:
        return
    most = refund.amount_minor
    if said.resolution is not Resolution.REFUNDED_ELSEWHERE:
        code, detail = "nothing-returned", f"Of what is {said.resolution} nothing is returned."
    elif most is None:
        code, detail = "not-money", "This line was paid with credits."
    elif said.amount_minor > most:
        code = "more-than-paid"
        detail = f"This line was {most} {refund.currency} in the minor unit."
    else:
        return
    raise Invalid([FieldError("/amount_minor", code, detail)])
