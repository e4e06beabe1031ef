"""The import over HTTP: any size, spooled to disk as it streams in, so that half a file changes nothing."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.callers import caller
from app.api.openapi import problems
from app.api.shapes import Answer
from app.api.state import Service
from app.auth import Caller, Scope
from app.errors import Problem
from app.schedule.load import Counts, ImportReport, LineError, import_file
from app.schedule.spool import lines_of, spooled

router = APIRouter()

MEDIA_TYPE: Final = "application/x-ndjson"
_EXAMPLE: Final = """\
{"type": "client", "id": "c1", "name": "Noor Li", "email": "noor@example.org"}
{"type": "session", "id": "s1", "name": "Lane Swim", "starts_at": "2026-11-23T07:00:00-05:00", \
"ends_at": "2026-11-23T08:00:00-05:00", "timezone": "America/Toronto", "capacity": 12}
{"type": "booking", "id": "b1", "session_id": "s1", "client_id": "c1", "status": "booked", \
"payments": [{"kind": "credit", "account_id": "acc1", "credits": 1}]}
"""
_BODY: Final = {
    "required": True,
    "description": "One JSON object a line, at most 64 KiB each; the whole may be gzipped.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
}


class CountsOfType(Answer):
    """What became of the good lines of one type."""

    created: int
    updated: int
    unchanged: int


class BadLine(Answer):
    """Why a line was not taken: the first thing wrong with it."""

    line: int = Field(description="From 1, blank lines counted.")
    pointer: str = Field(description="JSON Pointer into the line; empty for the line as a whole.")
    code: str
    detail: str


class ImportAnswer(Answer):
    """What an import did."""

    lines: int = Field(description="Lines that are not blank: the sum of all counts and `errors`.")
    clients: CountsOfType
    sessions: CountsOfType
    bookings: CountsOfType
    errors: int = Field(description="Lines that were not taken.")
    first_errors: list[BadLine] = Field(description="The first 100 of them.")

    @classmethod
    def of(cls, report: ImportReport) -> "ImportAnswer":
        """The report as the API shows it."""
        return cls(
            lines=report.lines,
            clients=_counts(report.clients),
            sessions=_counts(report.sessions),
            bookings=_counts(report.bookings),
            errors=report.errors,
            first_errors=[_bad_line(error) for error in report.first_errors],
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
    responses=problems(400, 413, 415),
)
async def import_schedule(
    who: Annotated[Caller, caller(Scope.SCHEDULE_WRITE)], service: Service, request: Request
) -> ImportAnswer:
    """Good lines are kept and bad ones named; the same file again changes nothing.

    A line may refer to sessions and clients that are stored or stand earlier in the file. The body is read to its end
    first: one that is cut off, too large or a broken gzip changes nothing.
    """
    _check_media_type(request.headers.get("content-type"))
    gzipped = _gzipped(request.headers.get("content-encoding"))
    limit = service.settings.import_limit_bytes
    async with spooled(request.stream(), gzipped=gzipped, limit_bytes=limit) as file:
        return ImportAnswer.of(await import_file(service.db, who.business_id, lines_of(file)))


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
    return CountsOfType(created=counts.created, updated=counts.updated, unchanged=counts.unchanged)


def _bad_line(error: LineError) -> BadLine:
    return BadLine(line=error.line, pointer=error.pointer, code=error.code, detail=error.detail)
