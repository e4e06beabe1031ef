"""What a job above a limit asks an approval for, and until when."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.choose import MatchedSession
from app.db.approvals import requests
from app.db.jobs import client_news, job_events
from app.db.jobs.job import Job, NewJob
from app.domain.approval import ApprovalLimits, Exceeded
from app.domain.messages.settings import MessageTerms
from app.domain.nouns.approvals import AskedApproval
from app.domain.statuses import SessionOutcome


def asked_approval(
    job: NewJob,
    chosen: Sequence[MatchedSession],
    above: Sequence[Exceeded],
    limits: ApprovalLimits,
    *,
    asked_by: str,
    plan_digest: str,
    hold_seconds: int,
) -> AskedApproval:
    """What a new job asks, which would do the plan of this digest.

    It waits for as long as the limits say, and no longer than the first of its classes to come: one
    that is held meanwhile is not cancelled any more as it was asked.
    """
    expires_at = job.requested_at + dt.timedelta(hours=limits.within_hours)
    for one in chosen:
        if one.outcome is SessionOutcome.ACCEPTED and one.session.starts_at > job.requested_at:
            expires_at = min(expires_at, one.session.starts_at)
    return AskedApproval(asked_by, plan_digest, job.totals, above, hold_seconds, expires_at)


async def ask(
    conn: AsyncConnection, job: Job, approval: AskedApproval, own: Mapping[str, Any] | None
) -> None:
    """Write what a new job asks an approval for, and have those asked who may give it.

    They are the staff of the business's `own` settings of messages, whatever the request says of
    whom it tells: who asks does not choose who hears of it.
    """
    await requests.add(conn, job.business_id, job.id, approval)
    await client_news.approval_asked(conn, job, MessageTerms.of(own or {}).staff)
    await job_events.approval_requested(conn, job.business_id, job.id, approval.expires_at)
