"""What is told to clients and staff of a job, in the transaction of what it reports.

Both ways start here: the service's own messages, and the event for an app that sends by itself.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.jobs.job import Job
from app.db.messages import contacts, editions, told_facts
from app.db.webhooks import events
from app.db.webhooks.events import Event
from app.domain.events import EventType
from app.domain.messages.news import client_settled
from app.domain.messages.settings import MessageTerms


async def settled(
    conn: AsyncConnection,
    business_id: str,
    job_id: str,
    refund_ids: Collection[str] | None = None,
    *,
    is_told: bool,
    is_heard: bool,
) -> None:
    """Some refunds of an expanded job have changed: tell of clients all of whose refunds rest.

    Args:
        conn: in the transaction that changed them, with the job's row locked.
        business_id: whose job.
        job_id: the job.
        refund_ids: those that changed; None: any of the job's.
        is_told: whether the job tells its clients.
        is_heard: whether the business may have an endpoint.
    """
    if not (is_told or is_heard):
        return
    resting = await editions.resting(conn, job_id, refund_ids)
    if is_told:
        await editions.due_now(conn, job_id, resting)
    if is_heard and resting:
        await _publish(conn, business_id, job_id, resting)


async def expanded(conn: AsyncConnection, job: Job, *, at_once: bool) -> None:
    """All refunds of a locked job are written: have its clients told, each in time.

    `at_once`: now, since they have something to choose.
    """
    told = None if job.messages is None else MessageTerms.of(job.messages)
    if told is not None:
        hours = dt.timedelta(hours=told.within_hours)
        up_at = (job.hold_until or job.accepted_at) + hours
        await editions.open_first(conn, job.business_id, job.id, told, up_at=up_at, at_once=at_once)
    if await events.is_asked_for(conn, job.business_id, EventType.CLIENT_SETTLED):
        resting = await editions.resting(conn, job.id)
        await _publish(conn, job.business_id, job.id, resting)


async def ended(conn: AsyncConnection, business_id: str, job_id: str) -> None:
    """The job has ended: have its staff told."""
    told = await editions.of_job(conn, job_id)
    if told is not None:
        await editions.tell_staff(conn, business_id, job_id, told.staff)


async def approval_asked(conn: AsyncConnection, job: Job, staff: Sequence[str]) -> None:
    """A job needs an approval: have these staff asked for it."""
    await editions.ask_staff(conn, job.business_id, job.id, staff)


async def _publish(
    conn: AsyncConnection, business_id: str, job_id: str, client_ids: Collection[str]
) -> None:
    facts = await told_facts.of_clients(conn, job_id, client_ids)
    names = await contacts.names(conn, business_id, set(facts))

    def news() -> Iterator[Event]:
        for client_id, its in facts.items():
            data = client_settled(client_id, names.get(client_id), its)
            yield Event(EventType.CLIENT_SETTLED, {"job_id": job_id} | data)

    await events.publish(conn, business_id, news())
