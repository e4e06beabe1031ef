"""The command `import`: a schedule from a file, plain or gzipped.

A truncated file changes nothing.
"""

import gzip
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final, cast

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.cli.terminal import (
    CommandError,
    configured,
    known_business,
    opened,
    result,
    run,
    say,
    stderr,
)
from app.config.settings import Settings
from app.errors import Problem
from app.schedule.load import import_file
from app.schedule.report import ImportReport, LineNote
from app.schedule.spool import check_gzip, lines_of

_GZIP: Final = b"\x1f\x8b"
_SHOWN: Final = 10


def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="NDJSON, plain or .gz; - for standard input.")
    ],
    business: Annotated[str, typer.Option(help="The business's id.")],
) -> None:
    """Import sessions, clients and bookings.

    Good lines are kept, and the same file again changes nothing.
    """
    config = configured()
    with _source(file) as source:
        report = run(_import(config, business, file, source))
    for what, counts in (
        ("sessions", report.sessions),
        ("clients", report.clients),
        ("bookings", report.bookings),
    ):
        rarer = "".join(
            f", {count} {word}"
            for word, count in (("frozen", counts.frozen), ("mended", counts.mended))
            if count
        )
        result(
            f"{what}: {counts.created} created, {counts.updated} updated, {counts.unchanged} "
            f"unchanged{rarer}"
        )
    for note in (*report.first_frozen.shown(_SHOWN), *report.first_mended.shown(_SHOWN)):
        _say_of(note)
    if report.errors:
        for note in report.first_errors.shown(_SHOWN):
            _say_of(note)
        raise CommandError(
            f"{report.errors} of {report.lines} lines were refused; the others are in."
        )


def _say_of(note: LineNote) -> None:
    say(f"line {note.line}: {note.pointer or 'the line'}: {note.detail}")


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    """The file, seekable.

    Standard input is spooled first, so that a broken gzip is known before anything changes.
    """
    if name != "-":
        path = Path(name)
        if path.is_dir():
            raise CommandError(f"{name} is a directory.")
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile(prefix="bulk-cancel-import-") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.seek(0)
        yield spool


async def _import(config: Settings, business_id: str, name: str, source: BinaryIO) -> ImportReport:
    gzipped = source.read(2) == _GZIP
    source.seek(0)
    if gzipped:
        try:
            check_gzip(source)
        except Problem as problem:
            raise CommandError(f"{name}: {problem.detail}") from problem
    elif name.endswith(".gz"):
        raise CommandError(f"{name} is no gzip file; nothing of it was read in.")
    text = cast("BinaryIO", gzip.GzipFile(fileobj=source)) if gzipped else source
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    async with opened(config) as db:
        await known_business(db, business_id)
        with _progress(size, source) as show:
            return await import_file(db, business_id, lines_of(text), show)


@contextmanager
def _progress(size: int, source: BinaryIO) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes read of the file, and a count of lines.

    The bytes are those of the file as it lies there, gzipped or not.
    """
    columns = (
        TextColumn("importing"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr) as progress:
        bar = progress.add_task("import", total=max(size, 1), lines=0)

        def show(lines: int) -> None:
            progress.update(bar, completed=source.tell(), lines=lines)

        yield show
        progress.update(bar, completed=max(size, 1))
