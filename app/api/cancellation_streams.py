"""A job's streams over HTTP: the audit CSV, whole or followed, and events. They end when the server stops."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from app.api import cancellation_bodies as bodies
from app.api.callers import caller
from app.api.shapes import Answer
from app.api.state import Service
from app.auth import Caller, Scope
from app.cancellation import audit, read
from app.cancellation.follow import Step, follow
from app.errors import FieldError, Invalid
from app.fields import Uuid

router = APIRouter()

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]

_LINE: Final = (
    '"018f…","s1","Yoga","2026-11-23T09:00:00.000Z","Hall 1","Ana","b1","c1","Kim Li","kim@example.org","018f…",'
    '"payment","20.00","CAD","","succeeded","re_1","1","","","Snow day","key:front desk","2026-11-22T10:00:00.000Z",'
    '"2026-11-22T10:00:01.250Z"\r\n'
)
CSV_CONTENT: Final[dict[str, Any]] = {
    "text/csv": {"schema": {"type": "string"}, "example": audit.header().decode() + _LINE}
}
_SSE_EXAMPLE: Final = (
    'id: 12\nevent: refund\ndata: {"id": "018f…", "status": "succeeded"}\n\n'
    'id: 12\nevent: progress\ndata: {"id": "018f…", "status": "running"}\n\n'
)
_NO_REFUNDS: Final = 2**62  # beyond every outcome's number
_EVENT_ID: Final = re.compile(r"[0-9]{1,18}")


def audit_headers(job_id: str) -> dict[str, str]:
    """Headers of an audit CSV as an attachment."""
    return {
        "Content-Disposition": f'attachment; filename="bulk-cancellation-{job_id}.csv"',
        "Cache-Control": "no-store",
    }


@router.get(
    "/{job_id}/audit.csv",
    summary="The audit CSV",
    response_class=StreamingResponse,
    responses={200: {"description": "RFC 4180, UTF-8, CRLF, a header line.", "content": CSV_CONTENT}},
)
async def get_audit(
    job_id: Uuid,
    who: Annotated[Caller, caller(Scope.CANCELLATIONS_READ)],
    service: Service,
    request: Request,
    follow: Annotated[bool, Query(description="Stream each line as it becomes final, and end with the job.")] = False,
) -> StreamingResponse:
    """A line for each refund, and one for each cancelled session or booking with nothing to return."""
    await read.known(service.db, who.business_id, job_id)
    if follow:
        lines = audit.follow(service.db, who.business_id, job_id, request.app.state.stopping)
    else:
        lines = audit.stream(service.db, who.business_id, job_id)
    return StreamingResponse(lines, headers=audit_headers(job_id), media_type="text/csv; charset=utf-8")


@router.get(
    "/{job_id}/events",
    summary="Progress as server-sent events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`refund` as each outcome becomes final, `progress` with the job as it changes, "
            "`done` at its end. Ids are the numbers of outcomes.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _SSE_EXAMPLE}},
        }
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
    await read.known(service.db, who.business_id, job_id)
    steps = follow(
        service.db,
        who.business_id,
        job_id,
        after_seq=_seq(last_event_id) if refunds else _NO_REFUNDS,
        stopping=request.app.state.stopping,
    )
    return StreamingResponse(
        _events(steps, refunds=refunds),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        media_type="text/event-stream",
    )


def _seq(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if _EVENT_ID.fullmatch(last_event_id):
        return int(last_event_id)
    raise Invalid([FieldError("header:Last-Event-ID", "event-id", "This is not an event id of ours.")])


async def _events(steps: AsyncIterator[Step | None], *, refunds: bool) -> AsyncIterator[bytes]:
    async for step in steps:
        if step is None:
            yield b": still here\n\n"
            continue
        parts = [_event("refund", row["outcome_seq"], bodies.refund(row)) for row in step.settled]
        if step.job is not None:
            job = bodies.JobDetail(**bodies.detail_fields(step.job))
            parts.append(_event("done" if step.ended else "progress", step.seq if refunds else None, job))
        yield b"".join(parts)


def _event(name: str, seq: int | None, body: Answer) -> bytes:
    data = orjson.dumps(body.model_dump(mode="json"))
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"%sevent: %s\ndata: %s\n\n" % (number, name.encode(), data)
