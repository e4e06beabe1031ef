"""What is held of a client, over HTTP: all of it as one document."""

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.api.authorise import caller
from app.api.cancellations.cancellation_streams import STREAMED
from app.api.dependencies import Service
from app.api.openapi import problems
from app.api.privacy.export_bodies import PersonalData
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import PlatformId
from app.privacy import export

router = APIRouter(prefix="/clients/{client_id}", tags=["privacy"])

_JSON: Final = "application/json"


@router.get(
    "/personal-data",
    summary="All that is held of a client",
    response_class=StreamingResponse,
    responses={
        200: {"model": PersonalData, "description": "One document, of one moment."},
        **problems("too-many-streams"),
    },
)
async def export_client(
    client_id: PlatformId,
    who: Annotated[Caller, caller(Scope.AUDIT_READ, Scope.SCHEDULE_READ, Scope.CANCELLATIONS_READ)],
    service: Service,
) -> StreamingResponse:
    """Of one who is deleted too: bookings, refunds, messages, and whatever else names them.

    An answer that is not whole is broken off. No secret is in it: links are named by their pages.
    """
    await export.require_known(service.db, who.business_id, client_id)
    name = f"client-{client_id}.json"
    return StreamingResponse(
        export.stream(service.db, who.business_id, client_id),
        headers={"Content-Disposition": f'attachment; filename="{name}"'} | STREAMED,
        media_type=_JSON,
    )
