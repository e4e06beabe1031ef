"""For how long a business keeps who its clients are, over HTTP: read, set, all versions."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.privacy.retention_bodies import RetentionAnswer, RetentionBody, SetRetention
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.privacy import retention

router = APIRouter(prefix="/retention", tags=["privacy"])

Manager = Annotated[Caller, caller(Scope.BUSINESS_MANAGE)]


@router.get("", summary="For how long clients' personal data is kept")
async def get_retention(who: Manager, service: Service) -> RetentionAnswer:
    """And how much was removed by it. Of a business that has set nothing everything is kept."""
    return RetentionAnswer.of(*await retention.in_force(service.db, who.business_id))


@router.put("", summary="Set for how long clients' personal data is kept")
async def put_retention(body: RetentionBody, who: Manager, service: Service) -> RetentionAnswer:
    """Replaces the whole. What is older is removed within minutes, and can't be brought back."""
    await retention.put(service.db, who.business_id, body.to_value(), by=who.actor)
    return RetentionAnswer.of(*await retention.in_force(service.db, who.business_id))


@router.get("/history", summary="Every version of the retention, the newest first")
async def list_retention(
    who: Manager,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[SetRetention]:
    """Who set what, and when."""
    after = decode_cursor(cursor, int)
    versions = await retention.history(
        service.db, who.business_id, before=after[0] if after else None, limit=limit + 1
    )
    shown = [SetRetention.of_version(one) for one in versions[:limit]]
    more = len(versions) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].version) if more else None)
