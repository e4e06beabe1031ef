"""Bookings become refund rows, by chunks of sessions, each line once.

A chunk is an insert-select under the job row's lock. The ids are computed, not drawn, and a chunk
is committed with the place that it reaches to: an expansion that was cut off goes on where its last
commit ended.
"""

import datetime as dt

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.owed import lines
from app.db.jobs import client_news, job_events, job_sessions, jobs
from app.db.jobs.job import Job
from app.db.refunds import refunds
from app.domain.owed.choice import open_until
from app.domain.owed.terms import asks
from app.domain.owed.terms_document import Document, terms_of


async def expand_chunk(
    conn: AsyncConnection, job: Job, *, at_most: int, withdrawn: bool = False
) -> tuple[int, bool]:
    """Write the rows of the next `at_most` sessions of a locked job.

    `withdrawn` keeps them for the audit only.

    Returns:
        rows written, and whether the job is expanded now.

    Raises:
        sqlalchemy.exc.IntegrityError: a line has a refund of some other job already.
    """
    start, end = job.expanded_sessions, job.accepted_sessions
    positions = range(start, min(start + at_most, end))
    if not positions:
        return 0, True
    after_seq = job.outcome_seq
    rows = await refunds.expand(
        conn,
        job.id,
        lines.lines_of_job(job),
        lines.parameters(job, positions),
        after_seq=after_seq,
        withdrawn=withdrawn,
        choose_until=choose_until(job),
    )
    if not withdrawn:
        await job_events.held_back(conn, job.business_id, job.id, positions)
    by_terms = job.terms is not None
    await job_sessions.store_booking_count(conn, job.id, positions, by_terms=by_terms)
    outcome_seq = refunds.last_outcome_seq(job.id, after_seq)
    await jobs.update(conn, job.id, expanded_sessions=positions.stop, outcome_seq=outcome_seq)
    if positions.stop == end and not withdrawn:
        await client_news.expanded(conn, job, at_once=choose_until(job) is not None)
    return rows, positions.stop == end


def choose_until(job: Job) -> dt.datetime | None:
    """Until when clients of this job may choose; None: nobody is asked."""
    if not job.has_cancelled:
        return None
    return asked_until(job.terms, accepted_at=job.accepted_at, hold_until=job.hold_until)


def asked_until(
    document: Document | None, *, accepted_at: dt.datetime, hold_until: dt.datetime | None
) -> dt.datetime | None:
    """Until when clients may choose, by these terms; None: nobody is asked."""
    terms = None if document is None else terms_of(document)
    if terms is None or terms.choice is None or not asks(terms):
        return None
    return open_until(terms.choice, accepted_at=accepted_at, hold_until=hold_until)
