"""What anybody may see: a business's schedule as JSON and as a calendar feed, without personal data or job ids."""

import asyncio
import datetime as dt
from typing import Annotated, Final, Self

from fastapi import APIRouter, Header, Response
from pydantic import Field

from app.api.negotiation import matches
from app.api.schedule_bodies import days_fields
from app.api.schedule_paging import Cursor, DateFrom, DateTo, PageLimit, days_of, place_after, place_of
from app.api.shapes import Answer, Page, UtcInstant
from app.api.state import Service
from app.days import Days, zone_named
from app.db import businesses, sessions
from app.db.sessions import Chosen, SessionRow
from app.db.tables import SessionStatus
from app.fields import PlatformId
from app.schedule import feed

router = APIRouter(prefix="/public/{business_id}", tags=["public"])

_CACHE: Final = "public, max-age=60"
_ICS_CONTENT: Final = {"text/calendar": {"schema": {"type": "string"}}}


class PublicCancellation(Answer):
    """That a session is cancelled, since when and why."""

    cancelled_at: UtcInstant
    reason: str | None


class PublicSession(Answer):
    """A class session as anybody may see it."""

    id: str
    name: str
    starts_at: UtcInstant
    ends_at: UtcInstant
    timezone: str
    location: str | None
    instructor: str | None
    status: SessionStatus
    cancellation: PublicCancellation | None

    @classmethod
    def of(cls, row: SessionRow) -> Self:
        """The session as the public sees it."""
        facts = row.facts._asdict()
        facts.pop("capacity")
        had = row.cancellation
        cancellation = had and PublicCancellation(cancelled_at=had.cancelled_at, reason=had.reason)
        return cls(id=row.id, **facts, status=row.status, cancellation=cancellation)


class PublicSchedule(Page[PublicSession]):
    """Sessions in start order."""

    business: str = Field(description="The business's name.")
    date_from: str = Field(description="First local day of the business, inclusive.")
    date_to: str = Field(description="Last local day, inclusive.")
    timezone: str


@router.get("/schedule", summary="The schedule, for anybody")
async def get_public_schedule(
    business_id: PlatformId,
    service: Service,
    response: Response,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> PublicSchedule:
    """The sessions that start in a range of days; a cancelled one says so."""
    after = place_of(cursor)
    async with service.db.read() as conn:
        business = await businesses.get(conn, business_id)
        days = days_of(business.timezone, date_from, date_to)
        chosen = Chosen(days.from_at, days.until_at)
        rows = await sessions.page(conn, business_id, chosen, after=after, limit=limit + 1)
    response.headers["Cache-Control"] = _CACHE
    last = rows[limit - 1] if len(rows) > limit else None
    return PublicSchedule(
        data=[PublicSession.of(row) for row in rows[:limit]],
        next_cursor=None if last is None else place_after(last.facts.starts_at, last.id),
        business=business.name,
        **days_fields(days),
    )


@router.get(
    "/schedule.ics",
    summary="The schedule as a calendar feed",
    response_class=Response,
    responses={
        200: {
            "description": "iCalendar (RFC 5545).",
            "content": _ICS_CONTENT,
            "headers": {"ETag": {"schema": {"type": "string"}, "required": True}},
        },
        304: {"description": "Not changed since the ETag."},
    },
)
async def get_public_calendar(
    business_id: PlatformId,
    service: Service,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """To subscribe to. With no dates, 31 days back and 180 ahead; at most 5,000 events."""
    now = dt.datetime.now(dt.UTC)
    async with service.db.read() as conn:
        business = await businesses.get(conn, business_id)
        days = days_of(business.timezone, date_from, date_to, default=_around(now, business.timezone))
        chosen = Chosen(days.from_at, days.until_at)
        rows = await sessions.page(conn, business_id, chosen, limit=feed.MOST_EVENTS)
    tag = feed.entity_tag(business, rows)
    headers = {"ETag": f"W/{tag}", "Cache-Control": _CACHE}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    text = await asyncio.to_thread(feed.calendar, business, rows, now=now)
    return Response(text, headers=headers, media_type="text/calendar; charset=utf-8")


def _around(now: dt.datetime, timezone: str) -> Days:
    zone = zone_named(timezone)
    assert zone is not None
    today = now.astimezone(zone).date()
    return Days(today - dt.timedelta(days=feed.DAYS_BACK), today + dt.timedelta(days=feed.DAYS_AHEAD), zone)
