"""The schedule over HTTP: sessions by week, bookings, clients' views and PUTs.

The import is in `schedule_import`.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app.api.authorise import caller
from app.api.bodies import Page
from app.api.dependencies import Service
from app.api.openapi import problems
from app.api.schedule import schedule_answers as answers
from app.api.schedule import schedule_lists as lists
from app.api.schedule.schedule_bodies import (
    Booking,
    BookingBody,
    Client,
    ClientBody,
    ClientBooking,
    Session,
    SessionBody,
    SessionPage,
)
from app.api.schedule.schedule_import import router as imports
from app.api.schedule.schedule_lists import PRIVATE_CACHE, json_response
from app.api.schedule.schedule_paging import (
    Cursor,
    DateFrom,
    DateTo,
    Exactly,
    PageLimit,
    PartOfName,
    id_of,
)
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import PlatformId
from app.domain.statuses import SessionStatus
from app.errors import FieldError, Invalid
from app.schedule import delete, put, read
from app.schedule.diff import RecordChange

router = APIRouter(tags=["schedule"])
router.include_router(imports)

Reader = Annotated[Caller, caller(Scope.SCHEDULE_READ)]
ReaderThere = Annotated[Caller, caller(Scope.SCHEDULE_READ, by_location=True)]
Writer = Annotated[Caller, caller(Scope.SCHEDULE_WRITE)]


@router.get(
    "/sessions",
    summary="Sessions in start order",
    response_model=SessionPage,
    responses=problems("business-time-zone-unknown"),
)
async def list_sessions(  # noqa: PLR0913, PLR0917 - one parameter for each filter
    who: ReaderThere,
    service: Service,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    only: Annotated[SessionStatus | None, Query(alias="status")] = None,
    location: Exactly = None,
    instructor: Exactly = None,
    q: PartOfName = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """The sessions that start in a range of days.

    With no dates, in the business's current week.
    """
    asked = lists.Asked(date_from, date_to, only, location, instructor, q, limit, cursor)
    return await lists.sessions(service, who, asked)


@router.get("/sessions/{session_id}", summary="One session", response_model=Session)
async def get_session(session_id: PlatformId, who: Reader, service: Service) -> Response:
    """As it stands in the schedule, cancelled or not."""
    view = await read.session(service.db, who.business_id, session_id)
    return json_response(answers.session(view, who.timezone), cache=PRIVATE_CACHE)


@router.put(
    "/sessions/{session_id}",
    summary="Create or replace a session",
    response_model=Session,
    responses={201: {"model": Session, "description": "Created."}},
)
async def put_session(
    session_id: PlatformId, body: SessionBody, who: Writer, service: Service
) -> Response:
    """A cancelled session may be described anew; it stays cancelled."""
    _same_id(session_id, body.id)
    change, view = await put.put_session(
        service.db, who.business_id, who.timezone, session_id, body
    )
    return json_response(answers.session(view, who.timezone), _status(change))


@router.delete(
    "/sessions/{session_id}",
    summary="Delete a session with its bookings",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems("session-in-process"),
)
async def delete_session(session_id: PlatformId, who: Writer, service: Service) -> None:
    """Gone from the schedule; a bulk cancellation that has settled it keeps its history.

    409 while one has it in hand.

    The id may be given to a new session.
    """
    await delete.delete_session(service.db, who.business_id, session_id)


@router.get(
    "/sessions/{session_id}/bookings",
    summary="The bookings of a session",
    response_model=Page[Booking],
)
async def list_session_bookings(
    session_id: PlatformId,
    who: Reader,
    service: Service,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """In id order, each with what became of its payments when the session was cancelled."""
    rows = await read.bookings_of_session(
        service.db, who.business_id, session_id, after=id_of(cursor), limit=limit + 1
    )
    return json_response(answers.booking_page(rows, limit), cache=PRIVATE_CACHE)


@router.put(
    "/bookings/{booking_id}",
    summary="Create or replace a booking",
    response_model=Booking,
    responses={
        201: {"model": Booking, "description": "Created."},
        **problems("session-cancelled", "booking-settled"),
    },
)
async def put_booking(
    booking_id: PlatformId, body: BookingBody, who: Writer, service: Service
) -> Response:
    """Bookings of a cancelled session are frozen: 409, unless nothing would change."""
    _same_id(booking_id, body.id)
    change, row = await put.put_booking(service.db, who.business_id, who.timezone, booking_id, body)
    return json_response(answers.booking(row), _status(change))


@router.get("/bookings/{booking_id}", summary="One booking", response_model=Booking)
async def get_booking(booking_id: PlatformId, who: Reader, service: Service) -> Response:
    """With what became of its payments when its session was cancelled."""
    row = await read.booking(service.db, who.business_id, booking_id)
    return json_response(answers.booking(row), cache=PRIVATE_CACHE)


@router.delete(
    "/bookings/{booking_id}",
    summary="Delete a booking",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems("session-in-process"),
)
async def delete_booking(booking_id: PlatformId, who: Writer, service: Service) -> None:
    """Gone from the schedule; its refunds stay in the history of their job.

    409 while one has its session in hand.

    The id may be given to a new booking, unless refunds were made for it.
    """
    await delete.delete_booking(service.db, who.business_id, booking_id)


@router.put(
    "/clients/{client_id}",
    summary="Create or replace a client",
    responses={201: {"model": Client, "description": "Created."}},
)
async def put_client(
    client_id: PlatformId, body: ClientBody, who: Writer, service: Service, response: Response
) -> Client:
    """Text for display is mended as in an import.

    An address that can't be one is left out.
    """
    _same_id(client_id, body.id)
    change, row = await put.put_client(service.db, who.business_id, who.timezone, client_id, body)
    response.status_code = _status(change)
    return Client.of(client_id, row)


@router.get("/clients/{client_id}", summary="One client")
async def get_client(
    client_id: PlatformId, who: Annotated[Caller, caller(Scope.AUDIT_READ)], service: Service
) -> Client:
    """Their name and e-mail address, as far as they are known."""
    return Client.of(client_id, await read.client(service.db, who.business_id, client_id))


@router.delete(
    "/clients/{client_id}",
    summary="Delete a client",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems("client-has-bookings"),
)
async def delete_client(client_id: PlatformId, who: Writer, service: Service) -> None:
    """Gone from the schedule, while audits go on naming whom they named.

    409 while the client has bookings.
    """
    await delete.delete_client(service.db, who.business_id, client_id)


@router.get(
    "/clients/{client_id}/bookings",
    summary="A client's bookings and what came back",
    response_model=Page[ClientBooking],
)
async def list_client_bookings(
    client_id: PlatformId,
    who: Reader,
    service: Service,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Response:
    """What the client's app shows.

    The latest session first, with its refunds and what they came to.
    """
    return await lists.bookings_of_client(service, who, client_id, limit=limit, cursor=cursor)


def _same_id(in_path: str, in_body: str | None) -> None:
    if in_body is not None and in_body != in_path:
        raise Invalid([FieldError("/id", "id-differs", "This is not the id in the path.")])


def _status(change: RecordChange) -> int:
    return status.HTTP_201_CREATED if change is RecordChange.CREATED else status.HTTP_200_OK
