"""The import over HTTP: of any size, and half a file changes nothing.

It is spooled to disk as it streams in.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.requests import ClientDisconnect

from app.api.authorise import caller
from app.api.bodies import Answer
from app.api.dependencies import Service
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.errors import Problem
from app.schedule.load import import_file
from app.schedule.report import Counts, ImportReport, LineNote
from app.schedule.spool import lines_of, spooled

router = APIRouter()

MEDIA_TYPE: Final = "application/x-ndjson"
_EXAMPLE: Final = """\
{"type": "client", "id": "c1", "name": "Noor Li", "email": "noor@example.org"}
{"type": "session", "id": "s1", "name": "Lane Swim", "starts_at": "2026-11-23T07:00:00-05:00", \
"ends_at": "2026-11-23T08:00:00-05:00", "timezone": "America/Toronto", "capacity": 12}
{"type": "booking", "id": "b1", "session_id": "s1", "client_id": "c1", "status": "booked", \
"payments": [{"method": "credit", "account_id": "acc1", "credits": 1}]}
"""
_BODY: Final = {
    "required": True,
    "description": "One JSON object a line, at most 64 KiB each; the whole may be gzipped.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
}


class CountsOfType(Answer):
    """What became of the lines of one type.

    Each is in one of the first five.
    """

    created: int
    updated: int
    unchanged: int = Field(description="Nothing new, or an echo of our own cancellation.")
    frozen: int = Field(
        description="Bookings left as they are, because their session is cancelled."
    )
    errors: int = Field(description="Not taken.")
    mended: int = Field(
        description="Of those taken: with text for display that was tidied or left out."
    )


class LineOfImport(Answer):
    """What is to be said of a line."""

    line: int = Field(description="From 1, blank lines counted.")
    pointer: str = Field(description="JSON Pointer into the line; empty for the line as a whole.")
    code: str
    detail: str


class ImportAnswer(Answer):
    """What an import did."""

    lines: int = Field(description="Lines that are not blank.")
    clients: CountsOfType
    sessions: CountsOfType
    bookings: CountsOfType
    errors: int = Field(
        description="Lines that were not taken, those whose type could not be read among them."
    )
    first_errors: list[LineOfImport] = Field(
        description="Up to 100 of them, the first few of each code."
    )
    first_frozen: list[LineOfImport] = Field(description="The same of those that are frozen.")
    first_mended: list[LineOfImport] = Field(description="The same of those that were mended.")

    @classmethod
    def of(cls, report: ImportReport) -> "ImportAnswer":
        """The report as the API shows it."""
        return cls(
            lines=report.lines,
            clients=_counts(report.clients),
            sessions=_counts(report.sessions),
            bookings=_counts(report.bookings),
            errors=report.errors,
            first_errors=[_line(note) for note in report.first_errors.shown()],
            first_frozen=[_line(note) for note in report.first_frozen.shown()],
            first_mended=[_line(note) for note in report.first_mended.shown()],
        )


@router.post(
    "/schedule/import",
    summary="Import sessions, clients and bookings",
    openapi_extra={
        "requestBody": _BODY,
        "parameters": [
            {
                "name": "Content-Encoding",
                "in": "header",
                "required": False,
                "schema": {"enum": ["gzip", "identity"]},
            }
        ],
    },
    responses=problems(400, "broken-gzip", 413, 415, "too-many-streams"),
)
async def import_schedule(
    who: Annotated[Caller, caller(Scope.SCHEDULE_WRITE)], service: Service, request: Request
) -> ImportAnswer:
    """Good lines are kept and bad ones named; the same file again changes nothing.

    A booking may refer to sessions that are stored or stand earlier in the file, and to any client.
    The body is read to its end first: one that is cut off, too large or a broken gzip changes
    nothing.
    """
    _check_media_type(request.headers.get("content-type"))
    gzipped = _gzipped(request.headers.get("content-encoding"))
    limit, seconds = service.settings.import_limit_bytes, service.settings.import_seconds
    try:
        async with (
            asyncio.timeout(seconds) as time,
            spooled(request.stream(), gzipped=gzipped, limit_bytes=limit) as file,
        ):
            imported = import_file(service.db, who.business_id, lines_of(file))
            return ImportAnswer.of(await _while_there(request, imported))
    except TimeoutError:
        if not time.expired():
            raise
        raise _too_long(seconds) from None


async def _while_there(request: Request, work: Coroutine[Any, Any, ImportReport]) -> ImportReport:
    """What the work gives; it is ended, as streams are, if its caller leaves.

    Raises:
        ClientDisconnect: the caller has left.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_long(seconds: float) -> Problem:
    detail = (
        f"An import takes at most {seconds:g} s. What was read in stays; send the same file again, "
        "or parts of it."
    )
    return Problem(408, "request-timeout", "The request took too long", detail)


def _check_media_type(content_type: str | None) -> None:
    if (content_type or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Problem(
            415,
            "unsupported-media-type",
            "This type of body is not taken",
            f"Send the import as {MEDIA_TYPE}, and say so in Content-Type.",
            headers={"Accept-Post": MEDIA_TYPE},
        )


def _gzipped(content_encoding: str | None) -> bool:
    match (content_encoding or "identity").strip().lower():
        case "gzip" | "x-gzip":
            return True
        case "identity":
            return False
        case _:
            # RFC 9110 §12.5.3: on a 415 this header names the codings that are taken.
            raise Problem(
                415,
                "unsupported-media-type",
                "This encoding of a body is not taken",
                "Send the import as it is, or with Content-Encoding: gzip.",
                headers={"Accept-Encoding": "gzip, identity"},
            )


def _counts(counts: Counts) -> CountsOfType:
    return CountsOfType(**asdict(counts))


def _line(note: LineNote) -> LineOfImport:
    return LineOfImport(line=note.line, pointer=note.pointer, code=note.code, detail=note.detail)
