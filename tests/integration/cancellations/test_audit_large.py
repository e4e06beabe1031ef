"""An audit's work grows with its lines, even before the database has counted its tables anew.

A job may come after the last count.
"""

import asyncio
import json

import pytest
import sqlalchemy as sa
from benchmarks import refunds, schedule
from sqlalchemy.dialects import postgresql

from app.cancellation.audit import audit_csv
from app.cancellation.expand import expand_chunk
from app.db.core.engine import Database
from app.db.jobs import jobs
from app.queue import LocalQueue

SESSIONS, BOOKINGS = 1_000, 2


async def job_of(db, name, sessions, *, expanded):
    await schedule.business(db, name)
    await schedule.sessions(db, name, count=sessions, bookings_each=BOOKINGS)
    job_id = await refunds.accepted(db, LocalQueue(), name)
    async with db.write() as conn:
        await expand_chunk(conn, await jobs.lock_any(conn, job_id), at_most=expanded)
    async with db.read() as conn:
        return await jobs.get(conn, name, job_id)


def touched(node) -> float:
    """Rows that a plan's nodes gave or threw away, each as often as it was looked at."""
    thrown = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return (node["Actual Rows"] + thrown) * node["Actual Loops"] + sum(
        map(touched, node.get("Plans", ()))
    )


@pytest.mark.parametrize("changed", [False, True])
async def test_no_line_of_an_audit_reads_all_sessions_of_its_job(postgresql_url, changed):
    db = Database(postgresql_url)
    for number in range(4):
        await job_of(db, f"small-{number}", 50, expanded=50)
    async with db.write() as conn:
        await conn.execute(sa.text("ANALYZE"))
    # Of this one the statistics know nothing; half of its lines are still to be written.
    job = await job_of(db, "large", SESSIONS, expanded=SESSIONS // 2)
    rows = lines = 0
    async with db.snapshot() as conn:
        for source in audit_csv._sources(
            job, as_accepted=False, has_maps=True, clients_changed=changed
        ):
            query = source.compile(
                dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
            )
            explained = await conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
            found = explained.scalar_one()
            [plan] = json.loads(found) if isinstance(found, str) else found
            lines += plan["Plan"]["Actual Rows"]
            rows += touched(plan["Plan"])
    await db.close()
    assert lines == SESSIONS * BOOKINGS
    assert rows < 300 * lines, rows / lines


@pytest.mark.long
async def test_a_reader_may_pause_for_longer_than_a_transaction_may_do_nothing(postgresql_url):
    db = Database(postgresql_url)
    job = await job_of(db, "studio", SESSIONS, expanded=SESSIONS // 2)
    chunks = []
    async for chunk in audit_csv.stream(db, "studio", job.id):
        chunks.append(chunk)
        if len(chunks) == 2:  # the header, and then the first part: its statement has ended
            await asyncio.sleep(32)
    await db.close()
    assert b"".join(chunks).count(b"\r\n") == 1 + SESSIONS * BOOKINGS
