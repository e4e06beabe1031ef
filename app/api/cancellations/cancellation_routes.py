"""Bulk cancellations over HTTP: plan, create, read, withdraw, retry, resolve.

Streams are in `cancellation_streams`.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.status import HTTP_202_ACCEPTED

from app.api.approvals.approval_routes import of_jobs as approvals
from app.api.authorise import caller, need
from app.api.bodies import Limit, Page, decode_cursor, decode_uuid_cursor, encode_cursor
from app.api.cancellations import cancellation_bodies as bodies
from app.api.cancellations import check_answers, job_answers
from app.api.cancellations.cancellation_streams import CSV_CONTENT, CSV_DESCRIPTION, audit_headers
from app.api.cancellations.cancellation_streams import router as streams
from app.api.cancellations.check_bodies import PlanCheck
from app.api.cancellations.outstanding_routes import router as outstanding
from app.api.cancellations.refund_routes import router as refunds
from app.api.choices.choice_routes import of_jobs as choices
from app.api.choices.own_page_routes import of_jobs as client_links
from app.api.dependencies import Service
from app.api.idempotency import key_parameter
from app.api.negotiation import prefers_csv, prefers_json
from app.api.openapi import problems
from app.aside import aside
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation import amend, plan, read
from app.cancellation.audit import audit_csv
from app.domain.fields import Uuid
from app.domain.statuses import JobStatus

router = APIRouter(prefix="/bulk-cancellations", tags=["cancellations"])

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
Writer = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE)]
# Whose locations the route keeps to.
ReaderThere = Annotated[Caller, caller(Scope.CANCELLATIONS_READ, by_location=True)]
WriterThere = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE, by_location=True)]
MAX_SUMMED: Final = 50  # jobs of a list whose refunds are all counted
_KEY: Final = key_parameter("The same key and body answer the first job again.")


@router.post(
    "/plan",
    summary="What it would do, changing nothing",
    response_model=bodies.Plan,
    responses={
        200: check_answers.RESPONSE,
        **problems("business-time-zone-unknown", "check-under-way", "too-many-streams"),
    },
)
async def plan_bulk_cancellation(
    body: bodies.CancellationRequest,
    who: ReaderThere,
    service: Service,
    request: Request,
    check: Annotated[
        bool,
        Query(
            description="Ask the payment service, too, what would become of each payment. That "
            "takes as long as it must: it goes behind all refunds."
        ),
    ] = False,
) -> Response:
    """The plan of a bulk cancellation.

    Sessions, people, money and credits that a bulk cancellation with this body would touch now.
    """
    found = None
    if check:
        planned, words, steps = await check_answers.planned(service, who, body)
        if not prefers_json(request.headers.get("accept")):
            return check_answers.CheckStream(steps, words)
        would, found = planned.plan, await check_answers.answered(steps, words, request)
    else:
        would = await plan.plan(
            service.db, who.business_id, who.timezone, body.to_request(who.locations)
        )
    content = await aside(len(would.sessions), _plan_body, would, who.timezone, found)
    return Response(content, media_type="application/json")


def _plan_body(would: plan.CancellationPlan, timezone: str, found: PlanCheck | None) -> str:
    return bodies.Plan.of(would, timezone, found).model_dump_json()


@router.post(
    "",
    status_code=HTTP_202_ACCEPTED,
    summary="Cancel sessions and return what was paid",
    response_model=bodies.AcceptedJob,
    responses={
        202: {
            "description": (
                "Accepted; with `Accept: text/csv` the audit CSV as an "
                f"attachment.\n\n{CSV_DESCRIPTION}"
            ),
            "content": CSV_CONTENT,
            "headers": {
                "Location": {"schema": {"type": "string"}, "required": True},
                "Idempotent-Replayed": {"schema": {"const": "true"}},
            },
        },
        **problems(
            "idempotency-key-missing",
            "idempotency-key-reused",
            "sessions-already-in-process",
            "plan-changed",
            "business-time-zone-unknown",
            "too-many-streams",
        ),
    },
    openapi_extra={"parameters": [_KEY]},
)
async def create_bulk_cancellation(
    body: bodies.CancellationRequest,
    who: WriterThere,
    service: Service,
    request: Request,
) -> Response:
    """From the answer on every accepted session reads `cancelled` everywhere.

    Refunds follow in the background.

    Above a limit of the business (`/approval-limits`) it is accepted as `awaiting_approval`:
    sessions and bookings stay as they are, and nothing is returned, until somebody else approves it
    (`…/approve`). A CSV has no line then.

    With `Accept: text/csv` the key needs `audit:read` as well: the CSV has names and e-mail
    addresses of clients.
    """
    as_csv = prefers_csv(request.headers.get("accept"))
    if as_csv:
        need(who, Scope.AUDIT_READ)
    accepted = await job_answers.accept(
        service, who, body, request.headers.getlist("idempotency-key")
    )
    if not as_csv:
        return await job_answers.accepted_answer(accepted)
    job_id = accepted.job.id
    lines = audit_csv.stream(service.db, who.business_id, job_id, as_accepted=True)
    headers = job_answers.accepted_headers(accepted)
    headers |= audit_headers(
        job_id, await audit_csv.count_lines(service.db, who.business_id, job_id)
    )
    return StreamingResponse(
        lines, HTTP_202_ACCEPTED, headers, media_type="text/csv; charset=utf-8"
    )


@router.get("", summary="Bulk cancellations, newest first")
async def list_bulk_cancellations(
    who: ReaderThere,
    service: Service,
    status: Annotated[JobStatus | None, Query()] = None,
    needs_person: Annotated[
        bool, Query(description="Only those that a person has to do something about.")
    ] = False,
    sums: Annotated[
        bool, Query(description="With the refunds of each, counted and summed by status.")
    ] = False,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.JobAnswer]:
    """Each with its status and totals; with `sums=true` at most 50 at a time."""
    if sums:
        limit = min(limit, MAX_SUMMED)
    views = await read.newest(
        service.db,
        who.business_id,
        read.JobFilter(status=status, needs_person=needs_person, within=who.locations),
        with_sums=sums,
        before=decode_uuid_cursor(cursor),
        limit=limit + 1,
    )
    shown = [bodies.JobAnswer(**bodies.job_fields(view)) for view in views[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(views) > limit else None)


@router.get(
    "/{job_id}",
    summary="One bulk cancellation, with counts and sums by refund status",
    response_model=bodies.JobDetail,
)
async def get_bulk_cancellation(
    job_id: Uuid, who: Reader, service: Service, request: Request
) -> Response:
    """With its ETag, so that whoever polls is answered 304 while nothing has changed."""
    return await job_answers.answer(
        service, who.business_id, job_id, request.headers.get("if-none-match")
    )


@router.get("/{job_id}/sessions", summary="Each chosen session's outcome")
async def list_bulk_cancellation_sessions(
    job_id: Uuid,
    who: Reader,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.JobSession]:
    """In start order, each with its refunds by status."""
    after = decode_cursor(cursor, int)
    sessions, counts = await read.sessions(
        service.db, who.business_id, job_id, after_seq=after[0] if after else 0, limit=limit + 1
    )
    shown = [
        bodies.job_session(one, job_id, counts.get(one.session_id, {}), who.timezone)
        for one in sessions[:limit]
    ]
    return Page(
        data=shown,
        next_cursor=encode_cursor(sessions[limit - 1].seq) if len(sessions) > limit else None,
    )


@router.post(
    "/{job_id}/withdraw",
    summary="Undo it while it is on hold",
    responses=problems("not-on-hold"),
)
async def withdraw_bulk_cancellation(
    job_id: Uuid, who: Writer, service: Service
) -> bodies.JobDetail:
    """The sessions are scheduled again and take bookings. Once withdrawn it stays so.

    One that awaits an approval can be withdrawn, too: its sessions were never cancelled.
    """
    await amend.withdraw(service.db, who.business_id, job_id, actor=who.actor)
    return bodies.JobDetail(
        **bodies.detail_fields(await read.one(service.db, who.business_id, job_id))
    )


router.include_router(refunds)
router.include_router(outstanding)
router.include_router(choices)
router.include_router(client_links)
router.include_router(approvals)
router.include_router(streams)
