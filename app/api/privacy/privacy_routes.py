"""What is held of a client, over HTTP: all of it as one document, and erasing it."""

from typing import Annotated, Final

from fastapi import APIRouter, status
from fastapi.responses import StreamingResponse

from app.api.authorise import caller
from app.api.cancellations.cancellation_streams import STREAMED
from app.api.dependencies import Service
from app.api.openapi import problems
from app.api.privacy.erasure_bodies import ErasureAnswer
from app.api.privacy.export_bodies import PersonalData
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import PlatformId
from app.privacy import erase, export

router = APIRouter(prefix="/clients/{client_id}", tags=["privacy"])

_JSON: Final = "application/json"


@router.get(
    "/personal-data",
    summary="All that is held of a client",
    response_class=StreamingResponse,
    responses={
        200: {
            "model": PersonalData,
            "description": "One document, of one moment.",
            "headers": {"Content-Disposition": {"schema": {"type": "string"}, "required": True}},
        },
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


@router.post(
    "/erase",
    summary="Erase a client",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(
        "client-in-process", "erasing-not-configured", "hashed-addresses-unreadable"
    ),
)
async def erase_client(
    client_id: PlatformId, who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)], service: Service
) -> ErasureAnswer:
    """Nothing says any more who they were; ids, amounts and states stay, in old audits too.

    It can't be undone. Their name and address are gone with this answer; what old rows say of them
    is removed within minutes. Asked again, nothing is done twice.
    """
    done = await erase.erase(
        service.db, who.business_id, client_id, service.settings.secret_box(), by=who.actor
    )
    return ErasureAnswer.of(done)


@router.get("/erasure", summary="How far the erasure of a client has come")
async def get_erasure(
    client_id: PlatformId, who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)], service: Service
) -> ErasureAnswer:
    """404 where nobody has asked for it."""
    return ErasureAnswer.of(await erase.status(service.db, who.business_id, client_id))
