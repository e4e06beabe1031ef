"""An upstream's later word on a refund, taken as a hint.

Nothing of it is believed; the refund is looked up soon. So hooks that come twice, out of order, too
early or never leave the same books; they only save waiting for a poll. One thing only a hook tells:
Stripe may say that a refund which had succeeded has failed, and that, too, is looked up.
"""

import re
from contextlib import nullcontext
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.core.dialect import now
from app.db.core.engine import Database
from app.db.core.isolation import of_business
from app.db.jobs import jobs
from app.db.refunds import inbound_events, manual_changes
from app.domain.nouns.deeds import DeedKind, JobDeed
from app.domain.statuses import JobStatus, Method, RefundStatus
from app.fault_points import Step
from app.gateways.provider import ProvidersRefund
from app.queue import Queue

log = structlog.get_logger()

_REFUND_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class InboundSource(StrEnum):
    """Who sends hooks."""

    PAYMENTS = "payments"
    CREDITS = "credits"
    STRIPE = "stripe"


class InboundResult(StrEnum):
    """What became of an inbound event."""

    LOOK_UP = "look_up"  # it is due now
    REMEMBERED = "remembered"  # our own call is not recorded yet: it is looked up once that is
    REPEATED = "repeated"  # the event has counted before
    UNKNOWN = "unknown"  # no refund of this source has the reference
    REOPENED = "reopened"  # a success that Stripe takes back: it is looked up, too
    NOTHING_DUE = "nothing_due"  # there is nothing to look up: it is final, or a person's


_METHOD: Final = {
    InboundSource.PAYMENTS: Method.PAYMENT,
    InboundSource.CREDITS: Method.CREDIT,
    InboundSource.STRIPE: Method.PAYMENT,
}


async def take(
    db: Database,
    queue: Queue,
    source: InboundSource,
    *,
    event_id: str,
    reference: str | ProvidersRefund,
    failed_id: str | None = None,
) -> InboundResult:
    """Have the refund of this reference looked up, unless the event has counted before.

    One transaction: the event counts only if what it asks for is done. With `failed_id`, Stripe
    says that its refund of this id has failed: where that is the one which we hold as succeeded,
    its success is in doubt until the look-up. A `ProvidersRefund` is known once our own call's
    answer is recorded: an event that overtakes it is `unknown`.
    """
    meant = await _meant(db, source, reference)
    with nullcontext() if meant is None else of_business(meant.business_id):
        async with db.write(Step.HINT) as conn:
            if not await inbound_events.record_once(conn, source, event_id):
                result, meant = InboundResult.REPEATED, None
            elif meant is None:
                result = InboundResult.UNKNOWN
            else:
                result = await _request_lookup(
                    conn, source, meant.job_id, meant.refund_id, failed_id
                )
    job_id, refund_id = (None, None) if meant is None else (meant.job_id, meant.refund_id)
    log.info("hook.taken", source=source, job_id=job_id, refund_id=refund_id, result=result)
    if job_id is not None and result in {InboundResult.LOOK_UP, InboundResult.REOPENED}:
        await queue.wake(job_id)
    return result


async def _meant(
    db: Database, source: InboundSource, reference: str | ProvidersRefund
) -> inbound_events.MeantRefund | None:
    """The refund that is spoken of, whosever it is; None: there is none."""
    async with db.read(across=True) as conn:
        refund_id = await _refund_id(conn, reference)
        if refund_id is None:
            return None
        return await inbound_events.meant(conn, refund_id, _METHOD[source])


async def _refund_id(conn: AsyncConnection, reference: str | ProvidersRefund) -> str | None:
    if isinstance(reference, ProvidersRefund):
        return await inbound_events.refund_of_stripes(conn, reference.id, reference.account)
    return reference if _REFUND_ID.fullmatch(reference) else None


async def _request_lookup(
    conn: AsyncConnection, source: InboundSource, job_id: str, refund_id: str, failed_id: str | None
) -> InboundResult:
    # The job's row first, as everybody takes it who writes both.
    job = await jobs.lock_any(conn, job_id)
    refund = await manual_changes.lock_refund(conn, job_id, refund_id)
    assert job is not None
    assert refund is not None
    deed = JobDeed(DeedKind.RETRIED, f"hook:{source}")
    match refund.status, refund.due_at is not None:
        case RefundStatus.PROCESSING, True:
            await inbound_events.request_lookup(conn, refund_id)
            await jobs.update(conn, job_id, due_at=now())
            return InboundResult.LOOK_UP
        case RefundStatus.SUCCEEDED, _ if (
            failed_id is not None and failed_id == refund.upstream_reference
        ):
            await manual_changes.reopen_success(conn, job_id, refund_id)
            await jobs.update(
                conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now()
            )
            return InboundResult.REOPENED
        case RefundStatus.REPLACED, False:
            # Its upstream may have made it after all, when another leg had followed.
            await manual_changes.reopen_replaced(conn, job_id, refund_id, deed)
            await jobs.update(
                conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now()
            )
            return InboundResult.LOOK_UP
        case RefundStatus.PROCESSING, False:
            await manual_changes.look_again(conn, job_id, deed=deed, refund_ids=(refund_id,))
            await jobs.update(
                conn, job_id, status=JobStatus.RUNNING, finished_at=None, due_at=now()
            )
            return InboundResult.LOOK_UP
        case _, True:
            await inbound_events.request_lookup(conn, refund_id)
            return InboundResult.REMEMBERED
        case _:
            return InboundResult.NOTHING_DUE
