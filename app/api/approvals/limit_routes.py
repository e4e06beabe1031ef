"""A business's limits over HTTP: read, set, and all versions that there were."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.approvals.limit_bodies import (
    ApprovalLimitsAnswer,
    ApprovalLimitsBody,
    SetApprovalLimits,
)
from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.dependencies import Service
from app.auth import approval_limits
from app.auth.callers import Caller
from app.auth.roles import Scope

router = APIRouter(prefix="/approval-limits", tags=["approvals"])


@router.get("", summary="Above which size a bulk cancellation needs an approval")
async def get_approval_limits(
    who: Annotated[Caller, caller()], service: Service
) -> ApprovalLimitsAnswer:
    """Any key may ask. Of a business that has set none nothing needs an approval."""
    return ApprovalLimitsAnswer.of(await approval_limits.in_force(service.db, who.business_id))


@router.put("", summary="Set above which size an approval is needed from now on")
async def put_approval_limits(
    body: ApprovalLimitsBody,
    who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)],
    service: Service,
) -> ApprovalLimitsAnswer:
    """Replaces the whole: members that are left out have no limit.

    What awaits an approval goes on awaiting it, whatever the limits are then.
    """
    new = await approval_limits.put(service.db, who.business_id, body.to_value(), by=who.actor)
    return ApprovalLimitsAnswer.of(new)


@router.get("/history", summary="Every version of the limits, the newest first")
async def list_approval_limits(
    who: Annotated[Caller, caller()],
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[SetApprovalLimits]:
    """Who set what, and when."""
    after = decode_cursor(cursor, int)
    versions = await approval_limits.history(
        service.db, who.business_id, before=after[0] if after else None, limit=limit + 1
    )
    shown = [SetApprovalLimits.of_version(one) for one in versions[:limit]]
    more = len(versions) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].version) if more else None)
