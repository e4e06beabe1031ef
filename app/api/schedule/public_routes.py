"""What anybody may see: a business's schedule, as JSON and as a calendar feed.

No personal data is in it, and no job ids.
"""

import asyncio
import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from app.api.bodies import Answer, Page, UtcInstant
from app.api.dependencies import Service
from app.api.languages import HourCycle, Spoken
from app.api.layers.mount import address
from app.api.negotiation import matches
from app.api.openapi import problems
from app.api.schedule import schedule_lists as lists
from app.api.schedule.local_times import Times
from app.api.schedule.page_bodies import PageLook
from app.api.schedule.schedule_bodies import NamedSession
from app.api.schedule.schedule_paging import Cursor, DateFrom, DateTo, PageLimit
from app.aside import aside
from app.domain.fields import PlatformId
from app.domain.statuses import SessionStatus
from app.schedule import ical
from app.schedule import public as anybodys
from app.schedule.public import DaysAsked

router = APIRouter(prefix="/public/{business_id}", tags=["public"])

_ICS_CONTENT: Final = {"text/calendar": {"schema": {"type": "string"}}}


class PublicCancellation(Answer):
    """That a session is cancelled, since when and why."""

    cancelled_at: UtcInstant
    reason: str | None
    returns_all: bool = Field(
        description=(
            "True: whatever anybody paid for what was cancelled with it comes back, the way it was "
            "paid. False: nothing is said of it."
        )
    )


class PublicSession(Times, NamedSession):
    """A class session as anybody may see it."""

    location: str | None
    instructor: str | None
    status: SessionStatus
    cancellation: PublicCancellation | None


class PublicSchedule(Page[PublicSession]):
    """Sessions in start order."""

    business: str = Field(description="The business's name.")
    page: PageLook
    language: Spoken
    hour_cycle: HourCycle
    date_from: str = Field(description="First local day of the business, inclusive.")
    date_to: str = Field(description="Last local day, inclusive.")
    timezone: str


@router.get(
    "/schedule",
    summary="The schedule, for anybody",
    response_model=PublicSchedule,
    responses=problems("business-time-zone-unknown", "business-suspended"),
)
async def get_public_schedule(
    business_id: PlatformId,
    service: Service,
    request: Request,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """The sessions that start in a range of days; a cancelled one says so.

    Any site may read it from its own pages, by a GET without headers of its own (CORS).
    """
    asked = lists.Asked(date_from, date_to, limit=limit, cursor=cursor)
    return await lists.public(
        service,
        business_id,
        asked,
        if_none_match=request.headers.get("if-none-match"),
    )


@router.get(
    "/schedule.ics",
    summary="The schedule as a calendar feed",
    response_class=Response,
    responses={
        200: {
            "description": "iCalendar (RFC 5545).",
            "content": _ICS_CONTENT,
            "headers": {
                "ETag": {"schema": {"type": "string"}, "required": True},
                "Calendar-Cut": {
                    "description": "There are more sessions than the feed holds.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        },
        304: {"description": "Not changed since the ETag."},
        **problems("business-time-zone-unknown", "business-suspended"),
    },
)
async def get_public_calendar(
    business_id: PlatformId,
    service: Service,
    request: Request,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """To subscribe to. With no dates, 31 days back and 180 ahead.

    At most 5,000 events: first what is ahead, from today on, then the latest past. Where that
    leaves some out, the calendar's description says so, and the header `Calendar-Cut: true`.
    """
    now = dt.datetime.now(dt.UTC)
    asked = DaysAsked(date_from, date_to, now)
    business, _, rows, is_cut = await anybodys.feed_sessions(service.db, business_id, asked)
    page = str(request.base_url).removesuffix("/") + address(f"/c/{business_id}")
    shown = ical.Shown(rows, is_cut, page)
    tag = await aside(len(rows), ical.entity_tag, business, shown)
    headers = {"ETag": f"W/{tag}", "Cache-Control": lists.PUBLIC_CACHE} | (
        {"Calendar-Cut": "true"} if is_cut else {}
    )
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    text = await asyncio.to_thread(ical.calendar, business, shown, now=now)
    return Response(text, headers=headers, media_type="text/calendar; charset=utf-8")
