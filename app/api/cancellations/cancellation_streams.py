"""A job's streams over HTTP: its events, and the audit as CSV or workbook.

The CSV is whole, or followed as the job goes on.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from app.api.authorise import caller
from app.api.bodies import Answer
from app.api.cancellations import cancellation_bodies as bodies
from app.api.dependencies import Service
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation import read
from app.cancellation.audit import audit_csv, workbook
from app.cancellation.follow import FollowStep, follow
from app.domain.fields import Uuid
from app.domain.texts import csv_cells
from app.domain.texts.line_chain import LineChain
from app.errors import FieldError, Invalid

router = APIRouter()

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
Auditor = Annotated[Caller, caller(Scope.CANCELLATIONS_READ, Scope.AUDIT_READ)]

_EXAMPLE: Final = {
    "job_id": "018f…",
    "session_id": "s1",
    "session_name": "Yoga",
    "session_starts_at": "2026-11-23T09:00:00.000Z",
    "location": "Hall 1",
    "instructor": "Ana",
    "booking_id": "b1",
    "client_id": "c1",
    "client_name": "Kim Li",
    "client_email": "kim@example.org",
    "refund_id": "018f…",
    "method": "payment",
    "amount": "20.00",
    "currency": "CAD",
    "status": "succeeded",
    "upstream_reference": "re_1",
    "attempts": "1",
    "reason": "Snow day",
    "requested_by": "key:front desk",
    "requested_at": "2026-11-22T10:00:00.000Z",
    "settled_at": "2026-11-22T10:00:01.250Z",
    "session_starts_local": "2026-11-23T04:00:00",
    "timezone": "America/Toronto",
    "paid_amount": "20.00",
    "kept_amount": "0.00",
}
CSV_CONTENT: Final[dict[str, Any]] = {
    "text/csv": {
        "schema": {"type": "string"},
        "example": (
            csv_cells.header() + LineChain().add_rows([[*map(_EXAMPLE.get, csv_cells.COLUMNS)]])
        ).decode(),
    }
}
CSV_DESCRIPTION: Final = (
    "The audit CSV: RFC 4180, UTF-8, CRLF, a header line, and then one record a line (a line break "
    "within a text is a blank). Text is in quotes; numbers and instants are bare, and an empty "
    "cell is empty. Free text (names, places, e-mail addresses, reasons, details) that a "
    "spreadsheet would run as a formula, because it begins with `=`, `+`, `-`, `@` or their "
    "full-width forms after any white space, or with a tab or return, has an apostrophe before it. "
    "Ids are as they are: their alphabet, `A-Za-z0-9._:~-`, can hold no formula that does "
    "anything. `amount` is what was to be returned; of a line that is `resolved`, "
    "`resolved_amount` is what a person says came back elsewhere. `message_status` is the status "
    "of the newest message to the line's client; of a job that tells no client it is empty. "
    "`approved_by`, `approved_at` and `approved_digest` say who approved the bulk cancellation, "
    "when, and which plan; of one that needed no approval they are empty."
)
_SSE_EXAMPLE: Final = (
    'event: refund\ndata: {"id": "018f…", "status": "succeeded"}\nid: 12\n\n'
    'event: progress\ndata: {"id": "018f…", "status": "running"}\nid: 12\n\n'
)
_AFTER: Final = (
    "With `follow`: each line ends with the number of its outcome, in one more column, `outcome`, "
    "and those up to this number are left out; 0 begins at the beginning. Whoever was cut off asks "
    "again after the highest number of a whole line. Numbers grow and have gaps; a refund that is "
    "tried again comes again, under a new one. Lines of sessions that nobody had booked are number "
    "0, and come only after 0."
)
_NO_REFUNDS: Final = 2**62  # beyond every outcome's number
_EVENT_ID: Final = re.compile(r"[0-9]{1,18}")


_MAX_OUTCOME: Final = 2**53 - 1  # the largest whole number that every JSON reader keeps
# What proxies must neither gather, nor pack, nor keep.
STREAMED: Final = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
_COUNTED: Final = {
    "Audit-Lines": {
        "description": (
            "How many lines follow the header; of a followed audit it is not known. HEAD tells it "
            "alone."
        ),
        "schema": {"type": "integer", "minimum": 0},
    }
}


def audit_headers(job_id: str, lines: int | None, *, extension: str = "csv") -> dict[str, str]:
    """Headers of an audit as an attachment, with its number of lines if known."""
    name = f"bulk-cancellation-{job_id}.{extension}"
    counted = {} if lines is None else {"Audit-Lines": str(lines)}
    return {"Content-Disposition": f'attachment; filename="{name}"'} | STREAMED | counted


@router.get(
    "/{job_id}/audit.csv",
    summary="The audit CSV",
    response_class=StreamingResponse,
    responses={
        200: {"description": CSV_DESCRIPTION, "content": CSV_CONTENT, "headers": _COUNTED},
        **problems("too-many-streams"),
    },
)
async def get_audit(
    job_id: Uuid,
    who: Auditor,
    service: Service,
    request: Request,
    follow: Annotated[
        bool, Query(description="Stream each line as it becomes final, and end with the job.")
    ] = False,
    after: Annotated[int | None, Query(ge=0, le=_MAX_OUTCOME, description=_AFTER)] = None,
    bom: Annotated[
        bool, Query(description="Begin with a UTF-8 mark, as some spreadsheets want it.")
    ] = False,
) -> StreamingResponse:
    """The audit, line by line.

    A line for each refund, and one for each cancelled session or booking with nothing to return.

    An answer that is not whole is broken off: a reader sees its connection reset, never an end.
    """
    if follow:
        count = None
        _check_after(after, await audit_csv.last_outcome(service.db, who.business_id, job_id))
        stopping = request.app.state.stopping
        lines = audit_csv.follow(
            service.db, who.business_id, job_id, stopping, after=after, bom=bom
        )
    elif after is not None:
        raise Invalid(
            [
                FieldError(
                    "?after", "without-follow", "Only a followed audit has lines after an outcome."
                )
            ]
        )
    else:
        count = await audit_csv.count_lines(service.db, who.business_id, job_id)
        lines = audit_csv.stream(service.db, who.business_id, job_id, bom=bom)
    return StreamingResponse(
        lines, headers=audit_headers(job_id, count), media_type="text/csv; charset=utf-8"
    )


def _check_after(after: int | None, last: int) -> None:
    if after is not None and after > last:
        detail = f"The last outcome of this job so far is number {last}."
        raise Invalid([FieldError("?after", "unknown-outcome", detail)])


@router.get(
    "/{job_id}/audit.xlsx",
    summary="The audit as a workbook",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": (
                "The lines of the audit CSV with typed cells: ids and texts are text, as they are, "
                "amounts numbers with their currency's decimals, instants dates and times in UTC. "
                "Beyond 1,048,575 lines, or 1.9 GB of a sheet, another sheet follows."
            ),
            "content": {workbook.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "headers": _COUNTED,
        },
        **problems("too-many-streams"),
    },
)
async def get_audit_workbook(job_id: Uuid, who: Auditor, service: Service) -> StreamingResponse:
    """As it stands, for a person to open."""
    count = await audit_csv.count_lines(service.db, who.business_id, job_id)
    return StreamingResponse(
        audit_csv.workbook(service.db, who.business_id, job_id),
        headers=audit_headers(job_id, count, extension="xlsx"),
        media_type=workbook.MEDIA_TYPE,
    )


@router.get(
    "/{job_id}/events",
    summary="Progress as server-sent events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": (
                "`refund` as each outcome becomes final, `progress` with the job as it changes, "
                "`done` at its end. Ids are the numbers of outcomes."
            ),
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": _SSE_EXAMPLE}
            },
        },
        **problems("too-many-streams"),
    },
)
async def get_events(
    job_id: Uuid,
    who: Reader,
    service: Service,
    request: Request,
    last_event_id: Annotated[str | None, Header(description="Resume after this event.")] = None,
    refunds: Annotated[bool, Query(description="Whether to tell of each refund, too.")] = True,
) -> StreamingResponse:
    """Events without refunds have no ids: whoever comes back is told how the job stands."""
    await read.require_known(service.db, who.business_id, job_id)
    steps = follow(
        service.db,
        who.business_id,
        job_id,
        after_seq=_seq(last_event_id) if refunds else _NO_REFUNDS,
        stopping=request.app.state.stopping,
    )
    return StreamingResponse(
        _events(steps, refunds=refunds),
        headers=STREAMED,
        media_type="text/event-stream",
    )


def _seq(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if _EVENT_ID.fullmatch(last_event_id):
        return int(last_event_id)
    raise Invalid(
        [FieldError("header:Last-Event-ID", "event-id", "This is not an event id of ours.")]
    )


async def _events(
    steps: AsyncIterator[FollowStep | None], *, refunds: bool
) -> AsyncIterator[bytes]:
    async for step in steps:
        if step is None:
            yield b": still here\n\n"
            continue
        parts = [event("refund", one.outcome_seq, bodies.refund(one)) for one in step.settled]
        if step.job is not None:
            job = bodies.JobDetail(**bodies.detail_fields(step.job))
            parts.append(
                event("done" if step.ended else "progress", step.seq if refunds else None, job)
            )
        yield b"".join(parts)


def event(name: str, seq: int | None, body: Answer) -> bytes:
    """A server-sent event; None: it has no id.

    The id is the last line: clients that keep an id before its event has ended (fetch-event-source
    2.0.1) would not ask again for one that was cut off behind it.
    """
    data = orjson.dumps(body.model_dump(mode="json"))
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"event: %s\ndata: %s\n%s\n" % (name.encode(), data, number)
