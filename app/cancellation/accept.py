"""Accepting a bulk cancellation: job, sessions and outcomes in one transaction, once per idempotency key.

From its commit on every accepted session reads cancelled everywhere and takes no booking; the wake that follows may be
lost without harm.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from app.cancellation import plan as planning
from app.cancellation.choose import Chosen, choose
from app.cancellation.request import Request, check
from app.db import job_sessions, jobs
from app.db.engine import Database
from app.db.tables import JobStatus, SessionOutcome
from app.errors import Problem
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job as it was accepted (it may have moved on since) and whether this key had made it before."""

    job: sa.RowMapping
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
        Problem: 422 `idempotency-key-reused`, 409 `sessions-already-in-process`, 409 `plan-changed`.
    """
    check(request)
    fingerprint = request.fingerprint()
    async with db.read() as conn:
        before = await jobs.by_key(conn, business_id, idempotency_key)
    if before is not None:
        return _replay(before, fingerprint)
    async with db.write(Step.ACCEPT) as conn:
        requested_at = await jobs.clock(conn)
        values = _job(business_id, requested_by, idempotency_key, fingerprint, request, requested_at)
        if not await jobs.insert_if_new(conn, values):
            before = await jobs.by_key(conn, business_id, idempotency_key)
            assert before is not None
            return _replay(before, fingerprint)
        job_id = values["id"]
        await _take_sessions(conn, business_id, timezone, request, job_id, requested_at)
        job = await jobs.get(conn, business_id, job_id)
    assert job is not None
    log.info("job.accepted", job_id=job_id, business_id=business_id, sessions=job["accepted_sessions"])
    if job["status"] == JobStatus.QUEUED:
        await queue.wake(job_id)
    return Accepted(job, replayed=False)


def _replay(job: sa.RowMapping, fingerprint: str) -> Accepted:
    if job["request_fingerprint"] != fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request",
            "The key came before with another body. Use a new key for a new request.",
            extensions={"job_id": job["id"]},
        )
    return Accepted(job, replayed=True)


def _job(
    business_id: str,
    requested_by: str,
    idempotency_key: str,
    fingerprint: str,
    request: Request,
    requested_at: dt.datetime,
) -> dict[str, Any]:
    held = request.hold_seconds > 0
    hold_until = requested_at + dt.timedelta(seconds=request.hold_seconds) if held else None
    milliseconds = int(requested_at.timestamp() * 1000)
    return {
        # The id carries the database's milliseconds, which its refunds' ids share.
        "id": str(uuid7(nanoseconds=milliseconds * 1_000_000)),
        "business_id": business_id,
        "idempotency_key": idempotency_key,
        "request_fingerprint": fingerprint,
        "status": JobStatus.HELD if held else JobStatus.QUEUED,
        "date_from": request.date_from,
        "date_to": request.date_to,
        "reason": request.reason,
        "include_attended": request.include_attended,
        "hold_until": hold_until,
        "requested_by": requested_by,
        "requested_at": requested_at,
        "due_at": hold_until or requested_at,
        "accepted_sessions": 0,
        "totals": {},
    }


async def _take_sessions(
    conn: AsyncConnection,
    business_id: str,
    timezone: str,
    request: Request,
    job_id: str,
    requested_at: dt.datetime,
) -> None:
    chosen = await choose(conn, business_id, timezone, request, lock=True)
    accepted = sum(one.outcome is SessionOutcome.ACCEPTED for one in chosen)
    if not accepted:
        raise _none_left(chosen)
    lines = planning.accepted_lines(business_id, chosen, requested_at, request)
    totals = await planning.count(conn, chosen, lines)
    if request.plan_digest is not None:
        await _refuse_other_plan(conn, lines, totals, request.plan_digest)
    await job_sessions.write(conn, _outcomes(business_id, job_id, chosen))
    await jobs.cancel_sessions(conn, business_id, job_id, requested_at)
    await jobs.update(conn, job_id, accepted_sessions=accepted, totals=asdict(totals))


def _none_left(chosen: Sequence[Chosen]) -> Problem:
    holders = [{"session_id": one.id, "outcome": one.outcome, "job_id": one.job_id} for one in chosen]
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


async def _refuse_other_plan(
    conn: AsyncConnection, lines: sa.Subquery, totals: planning.Totals, plan_digest: str
) -> None:
    digest = await planning.digest_of(conn, lines, totals)
    if digest == plan_digest:
        return
    planned = planning.totals_in(plan_digest)
    if planned == totals:
        detail = "The counts and sums are the plan's, but some bookings or amounts are others. Plan again."
    else:
        detail = "The bookings are not the plan's any more. Plan again."
    raise Problem(
        409,
        "plan-changed",
        "The plan has changed",
        detail,
        extensions={"planned": planned and asdict(planned), "now": asdict(totals), "plan_digest": digest},
    )


def _outcomes(business_id: str, job_id: str, chosen: Sequence[Chosen]) -> list[dict[str, Any]]:
    rows = []
    position = 0
    for seq, one in enumerate(chosen, start=1):
        accepted = one.outcome is SessionOutcome.ACCEPTED
        rows.append(
            {
                "job_id": job_id,
                "session_id": one.id,
                "business_id": business_id,
                "seq": seq,
                "position": position if accepted else None,
                "outcome": one.outcome,
                "held_by_job_id": one.job_id,
                "session_name": one.row["name"],
                "session_starts_at": one.row["starts_at"],
                "session_timezone": one.row["timezone"],
                "location": one.row["location"],
                "instructor": one.row["instructor"],
            }
        )
        position += accepted
    return rows
