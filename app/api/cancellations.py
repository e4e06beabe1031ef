"""Bulk cancellations over HTTP: plan, create, read, withdraw, retry, resolve. Streams are in `cancellation_streams`."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.status import HTTP_202_ACCEPTED, HTTP_304_NOT_MODIFIED

from app.api import cancellation_bodies as bodies
from app.api.callers import caller
from app.api.cancellation_streams import CSV_CONTENT, audit_headers
from app.api.cancellation_streams import router as streams
from app.api.negotiation import etag_of, matches, prefers_csv
from app.api.openapi import problems
from app.api.shapes import Answer, Limit, Page, decode_cursor, decode_uuid_cursor, encode_cursor
from app.api.state import Service
from app.auth import Caller, Scope
from app.cancellation import accept as acceptance
from app.cancellation import amend, audit, plan, read
from app.db.tables import JobStatus, RefundStatus, SessionOutcome
from app.errors import FieldError, Invalid, Problem
from app.fields import Uuid

router = APIRouter(prefix="/bulk-cancellations", tags=["cancellations"])

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
Writer = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE)]
_LONGEST_KEY = 255
# Documented by hand, because FastAPI would answer a required header that is missing as 422, and the contract says 400.
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The same key and body answer the first job again.",
    "schema": {"type": "string", "maxLength": _LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer: 304 when nothing has changed since.",
    "schema": {"type": "string"},
}


@router.post("/plan", summary="What it would do, changing nothing")
async def plan_bulk_cancellation(body: bodies.CancellationRequest, who: Reader, service: Service) -> bodies.Plan:
    """Sessions, people, money and credits that a bulk cancellation with this body would touch now."""
    return bodies.Plan.of(await plan.plan(service.db, who.business_id, who.timezone, body.to_request()))


@router.post(
    "",
    status_code=HTTP_202_ACCEPTED,
    summary="Cancel sessions and return what was paid",
    response_model=bodies.AcceptedJob,
    responses={
        202: {
            "description": "Accepted; with `Accept: text/csv` the audit CSV as an attachment.",
            "content": CSV_CONTENT,
            "headers": {
                "Location": {"schema": {"type": "string"}, "required": True},
                "Idempotent-Replayed": {"schema": {"const": "true"}},
            },
        },
        **problems(409),
    },
    openapi_extra={"parameters": [_KEY]},
)
async def create_bulk_cancellation(
    body: bodies.CancellationRequest,
    who: Writer,
    service: Service,
    request: Request,
) -> Response:
    """From the answer on every accepted session reads `cancelled` everywhere; refunds follow in the background."""
    accepted = await acceptance.accept(
        service.db,
        service.queue,
        business_id=who.business_id,
        timezone=who.timezone,
        requested_by=who.name,
        idempotency_key=_checked_key(request.headers.get("idempotency-key")),
        request=body.to_request(),
    )
    job_id = accepted.job["id"]
    headers = {"Location": f"/v1/bulk-cancellations/{job_id}"}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if prefers_csv(request.headers.get("accept")):
        lines = audit.stream(service.db, who.business_id, job_id, as_accepted=True)
        return StreamingResponse(
            lines, HTTP_202_ACCEPTED, headers | audit_headers(job_id), media_type="text/csv; charset=utf-8"
        )
    answer = bodies.AcceptedJob(
        **bodies.detail_fields(read.as_accepted(accepted.job, accepted.outcomes), as_accepted=True),
        sessions=[
            bodies.ChosenSession(session_id=one.session_id, outcome=one.outcome, job_id=one.held_by_job_id or job_id)
            for one in accepted.outcomes
        ],
    )
    return _json(answer, HTTP_202_ACCEPTED, headers)


@router.get("", summary="Bulk cancellations, newest first")
async def list_bulk_cancellations(
    who: Reader,
    service: Service,
    status: Annotated[JobStatus | None, Query()] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.Job]:
    views = await read.newest(
        service.db, who.business_id, status=status, before=decode_uuid_cursor(cursor), limit=limit + 1
    )
    shown = [bodies.Job(**bodies.job_fields(view)) for view in views[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(views) > limit else None)


@router.get(
    "/{job_id}",
    summary="One bulk cancellation, with counts and sums by refund status",
    response_model=bodies.JobDetail,
    responses={
        200: {"headers": {"ETag": {"schema": {"type": "string"}, "required": True}}},
        304: {"description": "Not changed since the ETag."},
    },
    openapi_extra={"parameters": [_IF_NONE_MATCH]},
)
async def get_bulk_cancellation(job_id: Uuid, who: Reader, service: Service, request: Request) -> Response:
    view = await read.one(service.db, who.business_id, job_id)
    return _tagged(bodies.JobDetail(**bodies.detail_fields(view)), request)


@router.get("/{job_id}/sessions", summary="Each chosen session's outcome")
async def list_bulk_cancellation_sessions(
    job_id: Uuid,
    who: Reader,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.JobSession]:
    after = decode_cursor(cursor, int)
    rows, counts = await read.sessions(
        service.db, who.business_id, job_id, after_seq=after[0] if after else 0, limit=limit + 1
    )
    shown = [
        bodies.JobSession(
            session_id=row["session_id"],
            outcome=row["outcome"],
            job_id=row["held_by_job_id"] or job_id,
            name=row["session_name"],
            starts_at=row["session_starts_at"],
            timezone=row["session_timezone"],
            location=row["location"],
            instructor=row["instructor"],
            refunds=counts.get(row["session_id"], {}) if row["outcome"] == SessionOutcome.ACCEPTED else {},
        )
        for row in rows[:limit]
    ]
    return Page(data=shown, next_cursor=encode_cursor(rows[limit - 1]["seq"]) if len(rows) > limit else None)


@router.get("/{job_id}/refunds", summary="Each refund, and each booking with nothing to return")
async def list_bulk_cancellation_refunds(
    job_id: Uuid,
    who: Reader,
    service: Service,
    status: Annotated[RefundStatus | None, Query()] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.Refund]:
    """In session order. Empty until the worker has begun."""
    rows = await read.refunds(
        service.db,
        who.business_id,
        job_id,
        status=status,
        after_id=decode_uuid_cursor(cursor),
        limit=limit + 1,
    )
    shown = [bodies.refund(row) for row in rows[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(rows) > limit else None)


@router.post("/{job_id}/withdraw", summary="Undo it while it is on hold", responses=problems(409))
async def withdraw_bulk_cancellation(job_id: Uuid, who: Writer, service: Service) -> bodies.JobDetail:
    """The sessions are scheduled again and take bookings. Once withdrawn it stays so."""
    await amend.withdraw(service.db, who.business_id, job_id)
    return bodies.JobDetail(**bodies.detail_fields(await read.one(service.db, who.business_id, job_id)))


@router.post("/{job_id}/retry", status_code=HTTP_202_ACCEPTED, summary="Try rejected refunds again")
async def retry_bulk_cancellation(job_id: Uuid, who: Writer, service: Service) -> bodies.RetriedJob:
    """Also looks again for refunds that the machine had given up on. With none to try, nothing changes."""
    _, count = await amend.retry(service.db, service.queue, who.business_id, job_id, actor=who.name)
    view = await read.one(service.db, who.business_id, job_id)
    return bodies.RetriedJob(**bodies.detail_fields(view), retried=count)


@router.post(
    "/{job_id}/refunds/{refund_id}/resolve",
    summary="Close a refund that no machine can",
    responses=problems(409),
)
async def resolve_refund(
    job_id: Uuid, refund_id: Uuid, body: bodies.ResolveRequest, who: Writer, service: Service
) -> bodies.Refund:
    """For a refund that was rejected, or of which nothing is known. The same again changes nothing."""
    row = await amend.resolve(
        service.db,
        who.business_id,
        job_id,
        refund_id,
        resolution=body.resolution,
        reference=body.reference,
        note=body.note,
        actor=who.name,
    )
    return bodies.refund(row)


router.include_router(streams)


def _checked_key(key: str | None) -> str:
    if not key:
        raise Problem(
            400,
            "idempotency-key-missing",
            "The Idempotency-Key header is missing",
            "Send a header Idempotency-Key of 1 to 255 characters, new for each cancellation, the same for each try.",
        )
    if len(key) > _LONGEST_KEY or not key.isprintable() or not key.isascii():
        detail = "Must be 1 to 255 printable ASCII characters."
        raise Invalid([FieldError("header:Idempotency-Key", "idempotency-key", detail)])
    return key


def _json(answer: Answer, status: int, headers: dict[str, str]) -> Response:
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")


def _tagged(answer: Answer, request: Request) -> Response:
    """The answer with its ETag, or 304 without a body when the caller has it (RFC 9110 §13.1.2)."""
    body = answer.model_dump_json().encode()
    headers = {"ETag": etag_of(body), "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, HTTP_304_NOT_MODIFIED, headers)
    return Response(body, headers=headers, media_type="application/json")
