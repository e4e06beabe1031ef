"""The audit CSV (RFC 4180): streamed from one snapshot of the rows, or followed line by line as outcomes become final.

Every accepted booking has its line at any time, from the 202 on; memory is flat whatever the job's size.
"""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation import lines
from app.db import audit, jobs
from app.db.engine import Database
from app.db.tables import refunds
from app.errors import NotFound

_CHUNK_BYTES: Final = 128 * 1024
_CHUNKS_AHEAD: Final = 8
_ROWS_AT_ONCE: Final = 1_000
_SESSIONS_AT_FIRST: Final = 5
_SESSIONS_AT_ONCE: Final = 100
_SHORTEST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0


def header() -> bytes:
    """The header line."""
    return _csv([audit.COLUMNS])


async def stream(db: Database, business_id: str, job_id: str, *, as_accepted: bool = False) -> AsyncIterator[bytes]:
    """The job's whole audit as it stands, or as it stood when it was accepted; yields chunks of whole lines.

    Raises:
        NotFound: no such job (before the first chunk).
    """
    async with db.export() as conn:
        job = await jobs.get(conn, business_id, job_id)
        if job is None:
            raise NotFound("bulk cancellation")
        yield header()
        for source in _sources(job, as_accepted=as_accepted):
            async with aclosing(_copy(conn, source) if db.is_postgresql else _select(conn, source)) as chunks:
                async for chunk in chunks:
                    yield chunk


def _sources(job: sa.RowMapping, *, as_accepted: bool) -> Iterator[audit.Lines]:
    """Queries of some thousand lines each, so that none outlasts a statement's time however slow the reader is."""
    job_id, written = job["id"], job["expanded_sessions"]
    for positions in _parts(0, written):
        yield audit.refund_lines(job_id, positions, as_accepted=as_accepted)
    to_return = lines.of_any_job(include_attended=job["include_attended"])
    for positions in _parts(written, job["accepted_sessions"]):
        yield audit.planned_lines(job, positions, to_return).params(lines.parameters(job, positions))
    yield audit.unbooked_lines(job_id, as_accepted=as_accepted)


def _parts(start: int, end: int) -> Iterator[range]:
    """Sessions by their places: few at first, so that the first line comes soon, then more and more."""
    size = _SESSIONS_AT_FIRST
    while start < end:
        yield range(start, min(start + size, end))
        start, size = start + size, min(2 * size, _SESSIONS_AT_ONCE)


async def follow(db: Database, business_id: str, job_id: str, stopping: asyncio.Event) -> AsyncIterator[bytes]:
    """The job's audit, each line as soon as its outcome is final; ends with the job, or when the server stops.

    Raises:
        NotFound: no such job (before the first chunk).
    """
    async with db.read() as conn:
        if await jobs.get(conn, business_id, job_id) is None:
            raise NotFound("bulk cancellation")
    yield header()
    async with db.snapshot() as conn:
        async for chunk in _select(conn, audit.unbooked_lines(job_id)):
            yield chunk
    seq = 0
    pause = _SHORTEST_PAUSE_SECONDS
    while not stopping.is_set():
        # The job is read before the rows: if it had ended by then, these rows are all there are.
        async with db.read() as conn:
            job = await jobs.get(conn, business_id, job_id)
            assert job is not None
            settled = await _settled(conn, job_id, seq)
        if settled:
            seq = settled[-1].outcome_seq
            pause = _SHORTEST_PAUSE_SECONDS
            yield _csv(row[:-1] for row in settled)
        elif job["due_at"] is None:
            return
        else:
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        if len(settled) < _ROWS_AT_ONCE:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)


async def _settled(conn: AsyncConnection, job_id: str, seq: int) -> Sequence[sa.Row[Any]]:
    query = (
        audit.refund_lines(job_id)
        .add_columns(refunds.c.outcome_seq)
        .where(refunds.c.outcome_seq > seq)
        .order_by(None)
        .order_by(refunds.c.outcome_seq)
        .limit(_ROWS_AT_ONCE)
    )
    return (await conn.execute(query)).all()


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


async def _select(conn: AsyncConnection, query: audit.Lines) -> AsyncGenerator[bytes]:
    async with conn.stream(query) as rows:
        async for part in rows.partitions(_ROWS_AT_ONCE):
            yield _csv(part)


async def _copy(conn: AsyncConnection, query: audit.Lines) -> AsyncGenerator[bytes]:
    """PostgreSQL formats the lines itself: ten times as fast as rows through Python, and as flat in memory."""
    statement = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_CHUNKS_AHEAD)
    buffer = bytearray()

    async def take(data: bytes) -> None:
        buffer.extend(data)
        if len(buffer) >= _CHUNK_BYTES:
            await chunks.put(bytes(buffer))
            buffer.clear()

    async def copy() -> None:
        try:
            await driver.copy_from_query(str(statement), output=take, format="csv", force_quote=True)
        finally:
            await chunks.put(bytes(buffer))
            await chunks.put(None)

    copying = asyncio.create_task(copy())
    try:
        while (chunk := await chunks.get()) is not None:
            # COPY ends lines with LF; cells hold no line breaks (bodies refuse control characters).
            yield chunk.replace(b"\n", b"\r\n")
        await copying
    finally:
        copying.cancel()
        while not chunks.empty():  # or its last words would wait for room in the queue, and we for it
            chunks.get_nowait()
        with suppress(asyncio.CancelledError):
            await copying
