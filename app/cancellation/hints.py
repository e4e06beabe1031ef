"""An upstream's later word on a refund, taken as a hint: nothing of it is believed, the refund is looked up soon.

So hooks that come twice, out of order, too early or never leave the same books; they only save waiting for a poll. One
thing only a hook tells: Stripe may say that a refund which had succeeded has failed, and that, too, is looked up.
"""

import re
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import amendments, hints, jobs
from app.db.dialect import now
from app.db.engine import Database
from app.db.tables import JobStatus, Method, RefundStatus
from app.fault_points import Step
from app.queue import Queue

log = structlog.get_logger()

_REFUND_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Source(StrEnum):
    """Who sends hooks."""

    PAYMENTS = "payments"
    CREDITS = "credits"
    STRIPE = "stripe"


class CameTo(StrEnum):
    """What became of a hint."""

    LOOK_UP = "look_up"  # it is due now
    REMEMBERED = "remembered"  # our own call is not recorded yet: it is looked up once that is
    REPEATED = "repeated"  # the event has counted before
    UNKNOWN = "unknown"  # no refund of this source has the reference
    DOUBTED = "doubted"  # a success that Stripe takes back: it is looked up, too
    AT_REST = "at_rest"  # there is nothing to look up: it is final, or a person's


_METHOD: Final = {Source.PAYMENTS: Method.PAYMENT, Source.CREDITS: Method.CREDIT, Source.STRIPE: Method.PAYMENT}


async def take(
    db: Database, queue: Queue, source: Source, *, event_id: str, reference: str, failed_id: str | None = None
) -> CameTo:
    """Have the refund of this reference looked up, unless the event has counted before.

    One transaction: the event counts only if what it asks for is done. With `failed_id`, Stripe says that its refund of
    this id has failed: where that is the one which we hold as succeeded, its success is in doubt until the look-up.
    """
    job_id = None
    async with db.write(Step.HINT) as conn:
        came_to = CameTo.REPEATED
        if await hints.is_new(conn, source, event_id):
            job_id = await _job_of(conn, source, reference)
            came_to = CameTo.UNKNOWN if job_id is None else await _apply(conn, source, job_id, reference, failed_id)
    log.info("hook.taken", source=source, job_id=job_id, refund_id=job_id and reference, came_to=came_to)
    if job_id is not None and came_to in {CameTo.LOOK_UP, CameTo.DOUBTED}:
        await queue.wake(job_id)
    return came_to


async def _job_of(conn: AsyncConnection, source: Source, reference: str) -> str | None:
    if not _REFUND_ID.fullmatch(reference):
        return None
    return await hints.job_of(conn, reference, _METHOD[source])


async def _apply(conn: AsyncConnection, source: Source, job_id: str, refund_id: str, failed_id: str | None) -> CameTo:
    # The job's row first, as everybody takes it who writes both.
    job = await jobs.lock_any(conn, job_id)
    refund = await amendments.lock_refund(conn, job_id, refund_id)
    assert job is not None
    assert refund is not None
    match RefundStatus(refund["status"]), refund["due_at"] is not None:
        case RefundStatus.PROCESSING, True:
            await hints.remember(conn, refund_id)
            await jobs.update(conn, job_id, due_at=now())
            return CameTo.LOOK_UP
        case RefundStatus.SUCCEEDED, _ if failed_id is not None and failed_id == refund["upstream_reference"]:
            await amendments.doubt(conn, refund_id)
            await jobs.update(conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now())
            return CameTo.DOUBTED
        case RefundStatus.PROCESSING, False:
            await amendments.look_again(conn, job_id, actor=f"hook:{source}", only=refund_id)
            await jobs.update(conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now())
            return CameTo.LOOK_UP
        case _, True:
            await hints.remember(conn, refund_id)
            return CameTo.REMEMBERED
        case _:
            return CameTo.AT_REST
