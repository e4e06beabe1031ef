"""A job's refunds over HTTP: listed, one by one, tried again, and closed by hand."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.status import HTTP_202_ACCEPTED

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_uuid_cursor, encode_cursor
from app.api.cancellations import cancellation_bodies as bodies
from app.api.cancellations.refund_bodies import RefundDetail, ResolveRequest, RetryRequest
from app.api.dependencies import Service
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.cancellation import amend, read
from app.domain.fields import PlatformId, Uuid
from app.domain.statuses import RefundStatus

router = APIRouter()

Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
Writer = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE)]


@router.get("/{job_id}/refunds", summary="Each refund, and each booking with nothing to return")
async def list_bulk_cancellation_refunds(
    job_id: Uuid,
    who: Reader,
    service: Service,
    status: Annotated[RefundStatus | None, Query()] = None,
    client_id: Annotated[PlatformId | None, Query(description="Only this client's.")] = None,
    session_id: Annotated[PlatformId | None, Query(description="Only this session's.")] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.RefundAnswer]:
    """In session order. Empty until the worker has begun."""
    refunds = await read.refunds(
        service.db,
        who.business_id,
        job_id,
        read.RefundFilter(status=status, client_id=client_id, session_id=session_id),
        after_id=decode_uuid_cursor(cursor),
        limit=limit + 1,
    )
    shown = [bodies.refund(one) for one in refunds[:limit]]
    more = len(refunds) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if more else None)


@router.get(
    "/{job_id}/refunds/{refund_id}", summary="One refund, with its session, client and history"
)
async def get_bulk_cancellation_refund(
    job_id: Uuid, refund_id: Uuid, who: Reader, service: Service
) -> RefundDetail:
    """The name and e-mail address of the client are there for a key with `audit:read`."""
    view = await read.refund(service.db, who.business_id, job_id, refund_id)
    return RefundDetail.of(view, who.timezone, with_names=Scope.AUDIT_READ in who.scopes)


@router.post("/{job_id}/retry", status_code=HTTP_202_ACCEPTED, summary="Try rejected refunds again")
async def retry_bulk_cancellation(
    job_id: Uuid,
    who: Writer,
    service: Service,
    body: Annotated[RetryRequest, Body(default_factory=RetryRequest)],
) -> bodies.RetriedJob:
    """All without a body.

    Disputed ones (`payment_disputed`) only when they or their code are named.

    Also looks again for refunds that the machine had given up on. With none to try, nothing
    changes.
    """
    retried = body.to_retried()
    _, count = await amend.retry(
        service.db, service.queue, who.business_id, job_id, actor=who.actor, retried=retried
    )
    view = await read.one(service.db, who.business_id, job_id)
    return bodies.RetriedJob(**bodies.detail_fields(view), retried=count)


@router.post(
    "/{job_id}/refunds/{refund_id}/resolve",
    summary="Close a refund that no machine can",
    responses=problems("not-resolvable"),
)
async def resolve_refund(
    job_id: Uuid, refund_id: Uuid, body: ResolveRequest, who: Writer, service: Service
) -> bodies.RefundAnswer:
    """For a refund that was rejected, or of which nothing is known.

    Said again otherwise it corrects, and the history keeps both; the same again changes nothing.
    """
    resolved = await amend.resolve(
        service.db,
        who.business_id,
        job_id,
        refund_id,
        body.to_step(),
        actor=who.actor,
    )
    return bodies.refund(resolved)
