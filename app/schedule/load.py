"""Brings a file of records in, batch by batch: good lines are kept, bad ones are named, and memory stays flat.

A line may refer to what is stored already or stands earlier in the file. The same file again changes nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, assert_never

import structlog
from pydantic import ValidationError

from app.db import businesses, statistics
from app.db.engine import Database
from app.schedule.apply import apply
from app.schedule.records import ANY_RECORD, AnyRecord
from app.schedule.spool import LINE_LIMIT
from app.schedule.walk import Change, Frozen, Outcome, Unknown

log = structlog.get_logger()

BATCH_LINES: Final = 2000
MOST_ERRORS: Final = 100
_MOST_DETAIL: Final = 300
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line was not taken: its number from 1, a JSON Pointer into it, a stable code and a sentence."""

    line: int
    pointer: str
    code: str
    detail: str


@dataclass(slots=True)
class Counts:
    """What became of the good lines of one type."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class ImportReport:
    """What an import did; `lines` (blank ones apart) is the sum of all counts and `errors`."""

    lines: int = 0
    clients: Counts = field(default_factory=Counts)
    sessions: Counts = field(default_factory=Counts)
    bookings: Counts = field(default_factory=Counts)
    errors: int = 0
    first_errors: list[LineError] = field(default_factory=list)

    @property
    def created(self) -> int:
        """How many rows there are now that were not."""
        return self.clients.created + self.sessions.created + self.bookings.created


_Read = tuple[int, AnyRecord | LineError]


async def import_file(
    db: Database,
    business_id: str,
    lines: Iterable[bytes],
    progress: Callable[[int], None] = lambda _lines: None,
) -> ImportReport:
    """Import `lines` (as `spool.lines_of` gives them; they are read in a thread) into a business.

    Every 2,000 lines are one short transaction. `progress` is told how many lines have been read so far, blank ones
    too. When it raises (an outage), what was committed stays; the same file can be sent again.

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
    records = [record for _, record in batch if not isinstance(record, LineError)]
    outcomes = iter(await apply(db, business_id, zone, records) if records else ())
    for line, record in batch:
        if isinstance(record, LineError):
            _count_error(report, record)
        else:
            _count(report, line, record, next(outcomes))


async def _batches(lines: Iterable[bytes]) -> AsyncGenerator[tuple[int, list[_Read]]]:
    """The lines batch by batch, each with its last line's number; the next is read while one is written."""
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
    """The number of the last line read (0: there was none), and the lines that are not blank, read."""
    number = 0
    batch: list[_Read] = []
    for number, line in islice(numbered, BATCH_LINES):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            batch.append((number, _read(number, text)))
    return number, batch


def _read(number: int, line: bytes) -> AnyRecord | LineError:
    if len(line) > LINE_LIMIT:
        return LineError(number, "", "line_too_long", f"The line is longer than {LINE_LIMIT} bytes.")
    try:
        return ANY_RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        code = first["type"]
        detail = first["msg"].removeprefix("Value error, ")[:_MOST_DETAIL]
        if code == "json_invalid":
            return LineError(number, "", *_not_json(line, detail))
        if code == "string_pattern_mismatch":
            detail = "Holds characters that are not taken here."
        if code in {"union_tag_invalid", "union_tag_not_found"} and not first["loc"]:
            detail = "type must be one of session, client and booking."
            return LineError(number, "/type", "unknown_type", detail)
        return LineError(number, _pointer(first["loc"]), code, detail)


def _not_json(line: bytes, detail: str) -> tuple[str, str]:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not_utf8", "The line is not UTF-8."
    return "json_invalid", detail


def _pointer(loc: tuple[int | str, ...]) -> str:
    """RFC 6901. Pydantic puts the union member's tag into a place: `booking`, `payments`, 0, `payment`, `currency`."""
    parts = [part for place, part in enumerate(loc) if place > 0 and not (isinstance(loc[place - 1], int))]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:_MOST_DETAIL] for part in parts)


def _count(report: ImportReport, line: int, record: AnyRecord, outcome: Outcome) -> None:
    match outcome:
        case Change():
            report.lines += 1
            counts: Counts = getattr(report, record.type + "s")
            setattr(counts, outcome.value, getattr(counts, outcome.value) + 1)
        case Unknown(pointer, what):
            detail = f"There is no such {what}, neither stored nor earlier in the file."
            _count_error(report, LineError(line, pointer, f"unknown_{what}", detail))
        case Frozen(session_id):
            detail = f"Session {session_id} is cancelled and its bookings are frozen."
            _count_error(report, LineError(line, "/session_id", "session-cancelled", detail))
        case _:
            assert_never(outcome)


def _count_error(report: ImportReport, error: LineError) -> None:
    report.lines += 1
    report.errors += 1
    if len(report.first_errors) < MOST_ERRORS:
        report.first_errors.append(error)
