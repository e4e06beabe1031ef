"""Brings a file of records in, batch by batch.

Good lines are kept, bad ones are named, and memory stays flat. A booking may refer to sessions that
are stored already or stand earlier in the file, and to any client. The same file again changes
nothing.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple, assert_never

import structlog
from pydantic import ValidationError

from app.db.access import businesses
from app.db.core import statistics
from app.db.core.engine import Database
from app.domain import field_errors
from app.schedule.apply import apply
from app.schedule.diff import (
    ClientIsErased,
    Outcome,
    RecordChange,
    SessionIsCancelled,
    Settled,
    TooManyCredits,
    Unknown,
    WithBareClient,
)
from app.schedule.records import ANY_RECORD, AnyRecord, Mended
from app.schedule.report import Counts, ImportReport, LineNote
from app.schedule.spool import LINE_LIMIT

log = structlog.get_logger()

BATCH_LINES: Final = 2000
_BARE_CLIENT: Final = Mended(
    "/client_id", "unknown-client", "Is not known, and is kept with no more than this id."
)
_BOM: Final = b"\xef\xbb\xbf"
# Whole pairs and all other escapes are found first, and stay: of `\\ud83d` the backslash is the
# escaped one.
_HALF_OF_A_PAIR: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Bad:
    """A line that could not be read, and its type where that is known."""

    note: LineNote
    type: str | None = None


class _Good(NamedTuple):  # a tuple, because an import makes millions of them
    """A line that was read, and what of its text was mended."""

    record: AnyRecord
    mended: Sequence[Mended]


_Read = tuple[int, _Good | _Bad]


async def import_file(
    db: Database,
    business_id: str,
    lines: Iterable[bytes],
    progress: Callable[[int], None] = lambda _lines: None,
) -> ImportReport:
    """Import `lines` (as `spool.lines_of` gives them; they are read in a thread) into a business.

    Every 2,000 lines are one short transaction. `progress` is told how many lines have been read so
    far, blank ones too. When it raises (an outage), what was committed stays; the same file can be
    sent again.

    Raises:
        NotFound: there is no such business.
    """
    async with db.read() as conn:
        zone = (await businesses.get(conn, business_id)).timezone
    report = ImportReport()
    created = 0
    async with aclosing(_batches(lines)) as batches:
        turn = 0
        async for number, batch in batches:
            turn += 1
            await _import_batch(db, business_id, zone, batch, report)
            progress(number)
            # After batches 1, 2, 4, 8, …: as the tables double.
            if turn.bit_count() == 1 and report.created > created:
                created = report.created
                async with db.write() as conn:
                    await statistics.count_schedule(conn)
    log.info("schedule.imported", business_id=business_id, lines=report.lines, errors=report.errors)
    return report


async def _import_batch(
    db: Database, business_id: str, zone: str, batch: Sequence[_Read], report: ImportReport
) -> None:
    records = [read.record for _, read in batch if isinstance(read, _Good)]
    outcomes = iter(await apply(db, business_id, zone, records) if records else ())
    for line, read in batch:
        report.lines += 1
        if isinstance(read, _Bad):
            _count_error(report, read.type, read.note)
        else:
            _count(report, line, read, next(outcomes))


async def _batches(lines: Iterable[bytes]) -> AsyncGenerator[tuple[int, list[_Read]]]:
    """The lines batch by batch, each with its last line's number.

    The next is read while one is written.
    """
    numbered = enumerate(lines, start=1)
    reading = asyncio.create_task(asyncio.to_thread(_next_batch, numbered))
    try:
        while (batch := await asyncio.shield(reading))[0]:
            reading = asyncio.create_task(asyncio.to_thread(_next_batch, numbered))
            yield batch
    finally:
        # The thread reads the caller's file: it must be done before the caller closes it.
        await asyncio.wait({reading})


def _next_batch(numbered: Iterator[tuple[int, bytes]]) -> tuple[int, list[_Read]]:
    """The last line's number (0: there was none), and the lines read.

    Blank lines are left out.
    """
    number = 0
    batch: list[_Read] = []
    for number, line in islice(numbered, BATCH_LINES):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            batch.append((number, _read(number, text)))
    return number, batch


def _read(number: int, line: bytes) -> _Good | _Bad:
    if len(line) > LINE_LIMIT:
        return _Bad(
            LineNote(number, "", "line-too-long", f"The line is longer than {LINE_LIMIT} bytes.")
        )
    try:
        mended: list[Mended] = []
        return _Good(ANY_RECORD.validate_json(line, context=mended), mended)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            whole = _without_half_pairs(line)
            if whole != line:
                return _read(number, whole)
            if not _is_utf8(line):
                return _Bad(LineNote(number, "", "not-utf8", "The line is not UTF-8."))
        code, sentence = field_errors.code_of(first), field_errors.sentence_of(first)
        # Of a union pydantic names the member first.
        kind = str(first["loc"][0]) if first["loc"] else None
        return _Bad(LineNote(number, _pointer(first), code, sentence), kind)


def _without_half_pairs(line: bytes) -> bytes:
    """The line with a blank of no width for each half of a surrogate pair.

    Text loses that blank, and no id can have it. Whoever cuts a name at a number of UTF-16 units,
    as JavaScript does, may leave half an emoji.
    """
    return _HALF_OF_A_PAIR.sub(lambda found: rb"\u200b" if found[1] else found[0], line)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pointer(error: Mapping[str, Any]) -> str:
    """The place of an error in its line, as a JSON Pointer (RFC 6901).

    Pydantic puts the union member's tag into a place: `booking`, `payments`, 0, `payment`,
    `currency`. The tags are left out.
    """
    loc = error["loc"]
    parts = [
        part
        for place, part in enumerate(loc)
        if place > 0 and not (isinstance(loc[place - 1], int))
    ]
    discriminator = field_errors.discriminator_of(error)
    if discriminator is not None:
        parts.append(discriminator)
    return field_errors.printable(field_errors.json_pointer(parts))


def _count(report: ImportReport, line: int, read: _Good, outcome: Outcome) -> None:
    record, mended = read
    counts = report.of_type(record.type)
    match outcome:
        case RecordChange():
            _count_taken(report, line, counts, outcome, mended)
        case WithBareClient(change):
            _count_taken(report, line, counts, change, [*mended, _BARE_CLIENT])
        case Unknown(pointer, what):
            detail = f"There is no such {what}, neither stored nor earlier in the file."
            _count_error(report, record.type, LineNote(line, pointer, f"unknown-{what}", detail))
        case SessionIsCancelled(session_id):
            counts.frozen += 1
            detail = f"Session {session_id} is cancelled and its bookings are frozen."
            report.first_frozen.add(LineNote(line, "/session_id", "session-cancelled", detail))
        case Settled(job_id):
            counts.frozen += 1
            detail = f"Was deleted after bulk cancellation {job_id} had settled it."
            report.first_frozen.add(LineNote(line, "/id", "booking-settled", detail))
        case TooManyCredits(pointers):
            note = LineNote(line, pointers[0], "less-than-equal", outcome.sentence)
            _count_error(report, record.type, note)
        case ClientIsErased():
            counts.frozen += 1
            detail = "Was erased: nothing that says who it is is kept again."
            report.first_frozen.add(LineNote(line, "/id", "client-erased", detail))
        case _:
            assert_never(outcome)


def _count_taken(
    report: ImportReport, line: int, counts: Counts, change: RecordChange, mended: Sequence[Mended]
) -> None:
    setattr(counts, change.value, getattr(counts, change.value) + 1)
    counts.mended += bool(mended)
    for one in mended:
        report.first_mended.add(LineNote(line, *one))


def _count_error(report: ImportReport, kind: str | None, note: LineNote) -> None:
    report.errors += 1
    if kind is not None:
        report.of_type(kind).errors += 1
    report.first_errors.add(note)
