"""Who a key belongs to, which is what a front end asks first.

So that it can say whose schedule it shows, and offer what the key may do.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.api.authorise import caller
from app.api.bodies import Answer
from app.api.dependencies import Service
from app.api.languages import HourCycle, Spoken, spoken
from app.api.schedule.local_times import ZoneRules
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.zones import zone_named
from app.schedule import read

router = APIRouter(tags=["schedule"])


class Key(Answer):
    """Whose key it is, and what it may do."""

    name: str
    scopes: list[Scope]
    locations: list[str] | None = Field(
        description="Those of the business that it is limited to; null: to none."
    )


class Business(Answer):
    """The caller's business."""

    id: str
    name: str
    timezone: str = Field(description="IANA zone that its days are counted in.")
    timezone_known: bool = Field(
        description=(
            "False: there is no such zone here, and what counts its days is refused until it has "
            "one."
        )
    )
    currency: str
    language: Spoken
    hour_cycle: HourCycle
    key: Key
    test_mode: bool = Field(
        description=(
            "The built-in sandbox answers instead of payment and credit services: no money moves."
        )
    )
    tzdata: ZoneRules


@router.get("/business", summary="The caller's business, and what its key may do")
async def get_business(who: Annotated[Caller, caller()], service: Service) -> Business:
    """Any key may ask, whatever else it may do."""
    business, sender = await read.business(service.db, who.business_id)
    return Business(
        id=business.id,
        name=business.name,
        timezone=business.timezone,
        timezone_known=zone_named(business.timezone) is not None,
        currency=business.currency,
        **spoken(None, sender),
        key=Key(
            name=who.label,
            scopes=sorted(Scope(scope) for scope in who.scopes),
            locations=None if who.locations is None else sorted(who.locations),
        ),
        test_mode=service.settings.test_mode,
        tzdata=ZoneRules.of_process(),
    )
