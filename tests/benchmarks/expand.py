"""Bookings into refund rows and what they claim, against bare statements.

It goes chunk by chunk, as the worker writes them, without terms and with some on every line.
"""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg
from benchmarks import bench as places
from benchmarks import schedule
from benchmarks.bench import Bench
from benchmarks.figures import AT_MOST, Figure, Goal, in_turns
from benchmarks.refunds import accepted
from benchmarks.seed import seed
from benchmarks.terms import TERMS

from app.cancellation.expand import expand_chunk
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.domain.refund_ids import milliseconds
from app.queue import LocalQueue
from app.refunds.slices import run

BUSINESS: Final = "b-expand"
BOOKINGS_PER_SESSION: Final = 20

_SCHEDULE: Final = (
    """
    INSERT INTO sessions (business_id, id, name, starts_at, ends_at, timezone, status)
    SELECT '{business}', 's' || n, 'Yoga', '{day} 09:00Z', '{day} 10:00Z', 'UTC', 'scheduled'
    FROM generate_series(0, {bookings} / {each} - 1) n
    """,
    (
        """
    INSERT INTO bookings (business_id, id, session_id, client_id, status)
    SELECT '{business}', 'b' || n, 's' || n / {each}, 'c', 'booked'"""
        """ FROM generate_series(0, {bookings} - 1) n
    """
    ),
    (
        """
    INSERT INTO payment_lines (business_id, booking_id, line_no, method, payment_id,"""
        """ amount_minor, currency)
    SELECT '{business}', 'b' || n, 1, 'payment', 'pay_' || n, {price}, 'CAD'"""
        """ FROM generate_series(0, {bookings} - 1) n
    """
    ),
)
_BARE: Final = (
    """
    INSERT INTO refunds (id, business_id, job_id, session_id, booking_id, client_id, line_no,"""
    """ method, payment_id,
                         amount_minor, currency, account_id, credits, status, due_at,"""
    """ first_due_at, epoch, attempts,
                         key_generation{columns})
    SELECT refund_id($2, s.position, $1::text, b.id, p.line_no), s.business_id, s.job_id,"""
    """ s.session_id, b.id,
           b.client_id, p.line_no, p.method, p.payment_id, p.amount_minor - {fee}, p.currency,"""
    """ p.account_id, p.credits,
           'pending', now(), now(), 0, 0, 0{values}
    FROM job_sessions s
    JOIN bookings b ON b.business_id = s.business_id AND b.session_id = s.session_id
    JOIN payment_lines p ON p.business_id = b.business_id AND p.booking_id = b.id
    WHERE s.job_id = $1::uuid
    ORDER BY s.position  -- rows that come in order are written faster
"""
)
# What a fee of a tenth comes to, of whole prices: the same rows, and nothing is asked.
_PLAIN: Final = {"fee": "0", "columns": "", "values": ""}
_BY_TERMS: Final = {
    "fee": "p.amount_minor / 10",
    "columns": ", kept_amount_minor, kept_by",
    "values": ", p.amount_minor / 10, 'fee'",
}
_BARE_CEILINGS: Final = """
    INSERT INTO ceilings (business_id, method, subject_id, booking_id, currency, paid, claimed)
    SELECT business_id, method, payment_id, '', currency, sum(amount_minor + kept_amount_minor),
           sum(amount_minor)
    FROM refunds WHERE job_id = $1::uuid GROUP BY 1, 2, 3, 4, 5
"""
_UNDO: Final = (
    "TRUNCATE refunds, ceilings",
    "UPDATE job_sessions SET bookings = NULL",
    "UPDATE jobs SET expanded_sessions = 0, outcome_seq = 0",
    "VACUUM ANALYZE job_sessions, jobs",
    "CHECKPOINT",
)


async def measure(bench: Bench) -> list[Figure]:
    """A job without terms and one with: accepted, its rows written and taken away again."""
    bookings = bench.size(100_000, 200)
    return [await _figure(bench, bookings, terms) for terms in (None, TERMS)]


async def _figure(bench: Bench, bookings: int, terms: Mapping[str, Any] | None) -> Figure:
    bare = _BARE.format(**(_PLAIN if terms is None else _BY_TERMS))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(places.database(bench, "postgresql"))
        db = await stack.enter_async_context(places.opened(url))
        job_id = await _accepted(url, db, bookings, terms)
        connection = await asyncpg.connect(places.driver_url(url))
        stack.push_async_callback(connection.close)

        async def undo() -> None:
            for statement in _UNDO:
                await connection.execute(statement)

        async def ours() -> float:
            await undo()
            return await as_the_worker(db, job_id, bookings)

        async def floor() -> float:
            await undo()
            started = time.perf_counter()
            status = await connection.execute(bare, job_id, milliseconds(job_id))
            await connection.execute(_BARE_CEILINGS, job_id)
            seconds = time.perf_counter() - started
            _check(int(status.split()[-1]), bookings)
            return seconds

        await ours()
        taken = await in_turns(bench.rounds, ours=ours, floor=floor)
    size = f"{bookings:,} bookings of {bookings // BOOKINGS_PER_SESSION:,} sessions"
    return Figure(
        "bookings into refund rows" if terms is None else "bookings into refund rows, with terms",
        "s",
        taken["ours"],
        "bare INSERT … SELECT",
        taken["floor"],
        Goal(AT_MOST, 1.3 if terms is None else 1.4),
        size if terms is None else f"{size}; 10 % kept of each",
    )


async def as_the_worker(db: Database, job_id: str, bookings: int) -> float:
    """The seconds from the first chunk to the last, each with its transaction and the job's lock.

    Without the worker's pauses between them, in which the calls go on.
    """
    written = 0
    done = False
    chunk = run.FIRST_CHUNK
    started = time.perf_counter()
    while not done:
        async with db.write() as conn:
            job = await jobs.lock_any(conn, job_id)
            assert job is not None
            rows, done = await expand_chunk(conn, job, at_most=chunk)
            await jobs.update(conn, job_id, due_at=jobs.seconds_from_now(15.0))
        written += rows
        chunk = min(2 * chunk, run.MAX_CHUNK)
    seconds = time.perf_counter() - started
    _check(written, bookings)
    return seconds


async def _accepted(url: str, db: Database, bookings: int, terms: Mapping[str, Any] | None) -> str:
    await schedule.business(db, BUSINESS)
    await seed(
        url,
        _SCHEDULE,
        business=BUSINESS,
        day=schedule.DAY,
        price=schedule.PRICE_MINOR,
        bookings=bookings,
        each=BOOKINGS_PER_SESSION,
    )
    return await accepted(db, LocalQueue(), BUSINESS, terms=terms)


def _check(written: int, bookings: int) -> None:
    if written != bookings:
        raise RuntimeError(f"{written} of {bookings} rows were written")
