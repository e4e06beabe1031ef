"""Who a key belongs to: what a front end asks first, to say whose schedule it shows and offer what the key may do."""

from typing import Annotated

from fastapi import APIRouter

from app.api.callers import caller
from app.api.shapes import Answer
from app.api.state import Service
from app.auth import Caller, Scope
from app.db import businesses

router = APIRouter(tags=["schedule"])


class Business(Answer):
    """The caller's business."""

    id: str
    name: str
    timezone: str
    currency: str
    scopes: list[Scope]


@router.get("/business", summary="The caller's business, and what its key may do")
async def get_business(who: Annotated[Caller, caller(Scope.SCHEDULE_READ)], service: Service) -> Business:
    async with service.db.read() as conn:
        business = await businesses.get(conn, who.business_id)
    return Business(
        id=business.id,
        name=business.name,
        timezone=business.timezone,
        currency=business.currency,
        scopes=sorted(Scope(scope) for scope in who.scopes),
    )
