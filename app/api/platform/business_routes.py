"""Businesses over HTTP: make, list, change and suspend them."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from starlette.status import HTTP_201_CREATED

from app.api.authorise import platform_caller
from app.api.bodies import Limit, Page, decode_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.openapi import problems
from app.api.platform import business_bodies as bodies
from app.auth.callers import PlatformCaller
from app.auth.platform import businesses
from app.domain.fields import PlatformId

router = APIRouter(prefix="/platform/businesses", tags=["platform"])

Operator = Annotated[PlatformCaller, platform_caller()]
_MADE: Final = {"headers": {"Location": {"schema": {"type": "string"}, "required": True}}}


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    summary="Make a business",
    responses={201: _MADE, **problems("business-exists")},
)
async def create_business(
    body: bodies.BusinessRequest, who: Operator, service: Service, response: Response
) -> bodies.PlatformBusiness:
    """Its id is the booking platform's own, and never changes.

    Sent again it is 409 `business-exists`. Its first key is made by `bulk-cancel keys create`;
    persons whose account names it may sign in at once.
    """
    made = await businesses.create(service.db, body.to_value(), by=who.actor)
    response.headers["Location"] = f"/v1/platform/businesses/{made.id}"
    return bodies.PlatformBusiness.of(made)


@router.get("", summary="Businesses, in the order of their ids")
async def list_businesses(
    _: Operator,
    service: Service,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[bodies.PlatformBusiness]:
    """In service or not."""
    (after,) = decode_cursor(cursor, str) or (None,)
    found = await businesses.page(service.db, after=after, limit=limit + 1)
    shown = [bodies.PlatformBusiness.of(one) for one in found[:limit]]
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None)


@router.get("/{business_id}", summary="One business")
async def get_platform_business(
    business_id: PlatformId, _: Operator, service: Service
) -> bodies.PlatformBusiness:
    """As it is now."""
    return bodies.PlatformBusiness.of(await businesses.get(service.db, business_id))


@router.patch("/{business_id}", summary="Change a business, or put it out of service")
async def change_business(
    business_id: PlatformId, body: bodies.BusinessChanges, who: Operator, service: Service
) -> bodies.PlatformBusiness:
    """What is left out stays as it is.

    Zone and currency are for what comes: nothing that was accepted depends on them. A suspended
    business's callers are refused within 12 s (403 `business-suspended`), its streams end within
    30 s, its schedule is not shown, and it accepts no cancellation from now on. What it has
    accepted goes on, and hooks about it are heard.
    """
    changed = await businesses.change(service.db, business_id, body.to_values(), by=who.actor)
    return bodies.PlatformBusiness.of(changed)
