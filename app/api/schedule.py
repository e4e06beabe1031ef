"""The schedule over HTTP: sessions by week, bookings, clients' views and PUTs. The import is in `schedule_import`."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app.api.callers import caller
from app.api.openapi import problems
from app.api.schedule_bodies import Booking, BookingBody, ClientBooking, Session, SessionBody, SessionPage
from app.api.schedule_import import router as imports
from app.api.schedule_paging import (
    Cursor,
    DateFrom,
    DateTo,
    Exactly,
    PageLimit,
    PartOfName,
    days_of,
    id_of,
    place_after,
    place_of,
)
from app.api.shapes import Page, encode_cursor
from app.api.state import Service
from app.auth import Caller, Scope
from app.db.sessions import Chosen
from app.db.tables import SessionStatus
from app.errors import FieldError, Invalid
from app.fields import PlatformId
from app.schedule import put, read
from app.schedule.walk import Change

router = APIRouter(tags=["schedule"])
router.include_router(imports)

Reader = Annotated[Caller, caller(Scope.SCHEDULE_READ)]
Writer = Annotated[Caller, caller(Scope.SCHEDULE_WRITE)]


@router.get("/sessions", summary="Sessions in start order")
async def list_sessions(  # noqa: PLR0913, PLR0917 - one parameter for each filter
    who: Reader,
    service: Service,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    only: Annotated[SessionStatus | None, Query(alias="status")] = None,
    location: Exactly = None,
    instructor: Exactly = None,
    q: PartOfName = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> SessionPage:
    """The sessions that start in a range of days; with no dates, in the business's current week."""
    days = days_of(who.timezone, date_from, date_to)
    chosen = Chosen(days.from_at, days.until_at, only, location, instructor, q)
    views = await read.sessions_page(service.db, who.business_id, chosen, after=place_of(cursor), limit=limit + 1)
    last = views[limit - 1].session if len(views) > limit else None
    return SessionPage.of_days(
        days,
        [Session.of(view) for view in views[:limit]],
        None if last is None else place_after(last.facts.starts_at, last.id),
    )


@router.get("/sessions/{session_id}", summary="One session")
async def get_session(session_id: PlatformId, who: Reader, service: Service) -> Session:
    return Session.of(await read.session(service.db, who.business_id, session_id))


@router.put(
    "/sessions/{session_id}",
    summary="Create or replace a session",
    responses={201: {"model": Session, "description": "Created."}},
)
async def put_session(
    session_id: PlatformId, body: SessionBody, who: Writer, service: Service, response: Response
) -> Session:
    """A cancelled session may be described anew; it stays cancelled."""
    _same_id(session_id, body.id)
    change, view = await put.put_session(service.db, who.business_id, who.timezone, session_id, body)
    response.status_code = _status(change)
    return Session.of(view)


@router.get("/sessions/{session_id}/bookings", summary="The bookings of a session")
async def list_session_bookings(
    session_id: PlatformId, who: Reader, service: Service, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[Booking]:
    """In id order, each with what became of its payments when the session was cancelled."""
    rows = await read.bookings_of_session(service.db, who.business_id, session_id, after=id_of(cursor), limit=limit + 1)
    return Page(
        data=[Booking.of(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1].id) if len(rows) > limit else None,
    )


@router.put(
    "/bookings/{booking_id}",
    summary="Create or replace a booking",
    responses={201: {"model": Booking, "description": "Created."}, **problems(409)},
)
async def put_booking(
    booking_id: PlatformId, body: BookingBody, who: Writer, service: Service, response: Response
) -> Booking:
    """Bookings of a cancelled session are frozen: 409, unless nothing would change."""
    _same_id(booking_id, body.id)
    change, row = await put.put_booking(service.db, who.business_id, who.timezone, booking_id, body)
    response.status_code = _status(change)
    return Booking.of(row)


@router.get("/clients/{client_id}/bookings", summary="A client's bookings and what came back")
async def list_client_bookings(
    client_id: PlatformId, who: Reader, service: Service, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[ClientBooking]:
    """What the client's app shows: the latest session first, with its refunds and what they came to."""
    rows = await read.bookings_of_client(
        service.db, who.business_id, client_id, before=place_of(cursor), limit=limit + 1
    )
    next_cursor = None
    if len(rows) > limit:
        booking, session = rows[limit - 1]
        next_cursor = place_after(session.facts.starts_at, booking.id)
    return Page(data=[ClientBooking.of_both(*row) for row in rows[:limit]], next_cursor=next_cursor)


def _same_id(in_path: str, in_body: str | None) -> None:
    if in_body is not None and in_body != in_path:
        raise Invalid([FieldError("/id", "id_differs", "This is not the id in the path.")])


def _status(change: Change) -> int:
    return status.HTTP_201_CREATED if change is Change.CREATED else status.HTTP_200_OK
