"""The audit CSV (RFC 4180), streamed whole, or line by line as outcomes become final.

The whole is of one snapshot of the rows. Every accepted booking has its line at any time, from the
202 on; memory is flat whatever the job's size. No reader, however slow, holds a connection: the
rows are read ahead of it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cancellation.audit.read_ahead import read_ahead
from app.cancellation.audit.workbook import Workbook
from app.cancellation.owed import lines
from app.db.core.engine import Database
from app.db.jobs import audit_rows, jobs, named_clients
from app.db.jobs.job import Job
from app.domain.owed.terms import first_form
from app.domain.owed.terms_document import terms_of
from app.domain.statuses import RefundForm
from app.domain.texts import csv_cells
from app.domain.texts.line_chain import LineChain
from app.errors import Stopping

_CHUNK_BYTES: Final = 128 * 1024
_CHUNKS_AHEAD: Final = 8
_ROWS_AT_ONCE: Final = 1_000
_SESSIONS_AT_FIRST: Final = 5
_SESSIONS_AT_ONCE: Final = 100
_SHORTEST_PAUSE_SECONDS: Final = 0.05
_MAX_PAUSE_SECONDS: Final = 1.0


async def count_lines(db: Database, business_id: str, job_id: str) -> int:
    """How many lines the job's whole audit has, at any time.

    What was accepted decides it.

    Raises:
        NotFound: no such job.
    """
    async with db.snapshot() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        if not job.has_cancelled:
            return 0
        unbooked = sa.select(sa.func.count()).select_from(
            audit_rows.unbooked_lines(job_id).order_by(None).subquery()
        )
        count: int = (await conn.execute(unbooked)).scalar_one()
    totals = job.totals
    return count + totals.refunds + totals.nothing_to_return + totals.goodwill_grants


async def last_outcome(db: Database, business_id: str, job_id: str) -> int:
    """The highest number that an outcome of the job has so far.

    Raises:
        NotFound: no such job.
    """
    async with db.read() as conn:
        job = await jobs.existing(conn, business_id, job_id)
    return job.outcome_seq


def stream(
    db: Database, business_id: str, job_id: str, *, as_accepted: bool = False, bom: bool = False
) -> AsyncIterator[bytes]:
    """The job's whole audit, as it stands or as it stood when accepted.

    Yields chunks of whole lines.

    Raises:
        NotFound: no such job (before the first chunk).
    """
    return read_ahead(_whole(db, business_id, job_id, as_accepted=as_accepted, bom=bom))


async def _whole(
    db: Database, business_id: str, job_id: str, *, as_accepted: bool, bom: bool
) -> AsyncIterator[bytes]:
    async with db.export() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        yield csv_cells.header(bom=bom)
        lines_of_job = _lines(conn, job, LineChain(), as_accepted=as_accepted)
        async with aclosing(lines_of_job) as chunks:
            async for chunk in chunks:
                yield chunk


async def chained(conn: AsyncConnection, job: Job) -> LineChain:
    """The chain over the job's whole audit as it stands, at its end.

    All its lines are written for that, and kept nowhere: a million take some seconds.
    """
    chain = LineChain()
    async with aclosing(_lines(conn, job, chain, as_accepted=False)) as chunks:
        async for _ in chunks:
            pass
    return chain


async def _lines(
    conn: AsyncConnection, job: Job, chain: LineChain, *, as_accepted: bool
) -> AsyncGenerator[bytes]:
    is_postgresql = conn.dialect.name == "postgresql"
    changed = await named_clients.have_changed(conn, job)
    for source in _sources(
        job, as_accepted=as_accepted, has_maps=is_postgresql, clients_changed=changed
    ):
        async with aclosing(
            _copy(conn, source, chain) if is_postgresql else _select(conn, source, chain)
        ) as chunks:
            async for chunk in chunks:
                yield chunk


def workbook(db: Database, business_id: str, job_id: str) -> AsyncIterator[bytes]:
    """The job's whole audit as it stands, as a workbook (`workbook.MEDIA_TYPE`).

    It is made in a thread, a part at a time.

    Raises:
        NotFound: no such job (before the first chunk).
    """
    return read_ahead(_workbook(db, business_id, job_id))


async def _workbook(db: Database, business_id: str, job_id: str) -> AsyncIterator[bytes]:
    book, chain = Workbook(), LineChain()
    async with db.export() as conn:
        job = await jobs.existing(conn, business_id, job_id)
        changed = await named_clients.have_changed(conn, job)
        for source in _sources(
            job, as_accepted=False, has_maps=db.is_postgresql, clients_changed=changed
        ):
            typed = audit_rows.unescaped(source)
            async with conn.stream(typed.query) as rows:
                async for part in rows.partitions(_ROWS_AT_ONCE):
                    if chunk := await asyncio.to_thread(_add, book, chain, part, typed.escaped):
                        yield chunk
    yield await asyncio.to_thread(book.end)


def _add(
    book: Workbook, chain: LineChain, rows: Iterable[Sequence[Any]], escaped: Sequence[int]
) -> bytes:
    """Rows with typed cells; each is given the hash that its line of the CSV has."""
    typed = []
    for row in rows:
        cells = row[: len(csv_cells.COLUMNS)]
        of_csv = list(cells)
        for place, cell in zip(escaped, row[len(csv_cells.COLUMNS) :], strict=True):
            of_csv[place] = cell
        typed.append((*cells, chain.hash_of(of_csv)))
    return book.add(typed)


def _sources(
    job: Job, *, as_accepted: bool, has_maps: bool, clients_changed: bool
) -> Iterator[audit_rows.Lines]:
    """The audit's lines, as queries of some thousand lines each.

    So none outlasts a statement's time, however large the job is.
    """
    if not job.has_cancelled:
        return  # there is nothing that could be said to have happened
    job_id, written = job.id, job.expanded_sessions
    form = RefundForm.ORIGINAL if job.terms is None else first_form(terms_of(job.terms))
    for positions in _parts(0, written):
        yield audit_rows.refund_lines(
            job_id,
            positions,
            by_terms=job.terms is not None,
            tells_clients=audit_rows.tells_clients(job),
            at_once=has_maps and audit_rows.statuses_at_once(job, positions),
            clients_changed=clients_changed,
            as_accepted=as_accepted,
            first_form=form,
        )
    to_return = lines.lines_of_job(job)
    for positions in _parts(written, job.accepted_sessions):
        planned = audit_rows.planned_lines(
            job, positions, to_return, clients_changed=clients_changed
        )
        yield planned.params(lines.parameters(job, positions))
    yield audit_rows.unbooked_lines(job_id, as_accepted=as_accepted)


def _parts(start: int, end: int) -> Iterator[range]:
    """Sessions by their places: few at first, then more and more.

    So the first line comes soon.
    """
    size = _SESSIONS_AT_FIRST
    while start < end:
        yield range(start, min(start + size, end))
        start, size = start + size, min(2 * size, _SESSIONS_AT_ONCE)


async def follow(
    db: Database,
    business_id: str,
    job_id: str,
    stopping: asyncio.Event,
    *,
    after: int | None = None,
    bom: bool = False,
) -> AsyncIterator[bytes]:
    """The job's audit, each line as soon as its outcome is final.

    It ends with the job. With `after` from that outcome's number on (0: from the beginning), and
    each line ends with its own number. Lines of sessions that nobody had booked have no outcome:
    they come first, as number 0.

    Raises:
        NotFound: no such job (before the first chunk).
        Stopping: the server stops before that; an end would say that these lines are all.
    """
    async with db.read() as conn:
        await jobs.existing(conn, business_id, job_id)
    numbered = after is not None
    seq = after or 0
    yield csv_cells.header(bom=bom, numbered=numbered)
    chain = LineChain(numbered=numbered)
    wants_unbooked = seq == 0
    pause = _SHORTEST_PAUSE_SECONDS
    while not stopping.is_set():
        # The job is read before the rows: if it had ended by then, these rows are all there are.
        async with db.read() as conn:
            job = await jobs.get(conn, business_id, job_id)
            assert job is not None
            settled = await audit_rows.settled_lines(conn, job, after_seq=seq, limit=_ROWS_AT_ONCE)
        if wants_unbooked and job.has_cancelled:  # not while it awaits an approval
            wants_unbooked = False
            unbooked = _unbooked(db, job_id, chain, numbered=numbered)
            async with aclosing(read_ahead(unbooked)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if settled:
            seq = settled[-1].outcome_seq
            pause = _SHORTEST_PAUSE_SECONDS
            yield chain.add_rows(
                (*line.cells, str(line.outcome_seq)) if numbered else line.cells for line in settled
            )
        elif job.due_at is None:
            return
        else:
            pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
        if len(settled) < _ROWS_AT_ONCE:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
    raise Stopping


async def _unbooked(
    db: Database, job_id: str, chain: LineChain, *, numbered: bool
) -> AsyncIterator[bytes]:
    unbooked = audit_rows.unbooked_lines(job_id)
    async with db.export() as conn:
        async for chunk in _select(
            conn, unbooked.add_columns(sa.literal("0")) if numbered else unbooked, chain
        ):
            yield chunk


async def _select(
    conn: AsyncConnection, query: audit_rows.Lines, chain: LineChain
) -> AsyncGenerator[bytes]:
    async with conn.stream(query) as rows:
        async for part in rows.partitions(_ROWS_AT_ONCE):
            yield chain.add_rows(part)


async def _copy(
    conn: AsyncConnection, query: audit_rows.Lines, chain: LineChain
) -> AsyncGenerator[bytes]:
    """Lines that PostgreSQL formats itself.

    That is ten times as fast as rows through Python, and as flat in memory.
    """
    marked = audit_rows.marked(query)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statement = marked.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
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
            await driver.copy_from_query(
                str(statement), output=take, format="csv", force_quote=csv_cells.QUOTED
            )
        finally:
            await chunks.put(bytes(buffer))
            await chunks.put(None)

    copying = asyncio.create_task(copy())
    try:
        while (chunk := await chunks.get()) is not None:
            yield chain.add_copied(chunk)
        await copying
    finally:
        copying.cancel()
        # Otherwise its last words would wait for room in the queue, and we for it.
        while not chunks.empty():
            chunks.get_nowait()
        with suppress(asyncio.CancelledError):
            await copying
