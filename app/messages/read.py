"""Who was told what of a job, and one message sent once more."""

from collections.abc import Mapping

import structlog

from app.db.core.engine import Database
from app.db.jobs import jobs
from app.db.messages import attempts, pages
from app.domain.nouns.messages import MessageRow
from app.domain.statuses import MessageStatus
from app.errors import NotFound, Problem

log = structlog.get_logger()


async def page(
    db: Database,
    business_id: str,
    job_id: str,
    *,
    status: MessageStatus | None,
    client_id: str | None,
    after: str | None,
    limit: int,
) -> list[MessageRow]:
    """Messages of a job in the order in which they were made, from the one after `after`.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        await jobs.existing(conn, business_id, job_id)
        return await pages.page(
            conn, job_id, status=status, client_id=client_id, after=after, limit=limit
        )


async def counts(db: Database, business_id: str, job_id: str) -> Mapping[MessageStatus, int]:
    """How many addressees' newest messages are in each status.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        await jobs.existing(conn, business_id, job_id)
        return await pages.counts(conn, job_id)


async def resend(db: Database, business_id: str, job_id: str, message_id: str) -> MessageRow:
    """Send a message again that rests, to the address that its client has now.

    Raises:
        NotFound: no such job or message.
        Problem: 409 `message-pending`: it is to be sent anyhow.
    """
    async with db.write() as conn:
        await jobs.existing(conn, business_id, job_id)
        message = await pages.one(conn, job_id, message_id)
        if message is None:
            raise NotFound("message")
        if not await attempts.resend(conn, job_id, message_id):
            raise Problem(
                409,
                "message-pending",
                "The message is on its way",
                "It will be sent, or tried again, by itself.",
            )
        again = await pages.one(conn, job_id, message_id)
    assert again is not None
    log.info("message.sent_again", message_id=message_id, job_id=job_id)
    return again
