"""Messages of a bulk cancellation over HTTP: who was told, and one sent once more."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from app.api.authorise import caller
from app.api.bodies import Limit, Page, decode_uuid_cursor, encode_cursor
from app.api.dependencies import Service
from app.api.messages.message_bodies import Message, MessageCounts, Preview, PreviewRequest
from app.api.openapi import problems
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import PlatformId, Uuid
from app.domain.statuses import MessageStatus
from app.messages import preview, read

router = APIRouter(prefix="/bulk-cancellations/{job_id}/messages", tags=["messages"])
Reader = Annotated[Caller, caller(Scope.CANCELLATIONS_READ)]
Namer = Annotated[Caller, caller(Scope.AUDIT_READ)]
Writer = Annotated[Caller, caller(Scope.CANCELLATIONS_WRITE)]


@router.get("", summary="Who was told, who could not be, and who will be")
async def list_messages(
    job_id: Uuid,
    who: Reader,
    service: Service,
    status: Annotated[MessageStatus | None, Query()] = None,
    client_id: Annotated[PlatformId | None, Query()] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Page[Message]:
    """In the order in which they were made. Names and addresses are for a key with `audit:read`."""
    after = decode_uuid_cursor(cursor)
    found = await read.page(
        service.db,
        who.business_id,
        job_id,
        status=status,
        client_id=client_id,
        after=after,
        limit=limit + 1,
    )
    with_names = Scope.AUDIT_READ in who.scopes
    shown = [Message.of(one, with_names=with_names) for one in found[:limit]]
    more = len(found) > limit
    return Page(data=shown, next_cursor=encode_cursor(shown[-1].id) if more else None)


@router.get("/counts", summary="How many were told")
async def count_messages(job_id: Uuid, who: Reader, service: Service) -> MessageCounts:
    """Of each addressee the newest message counts."""
    return MessageCounts.of(await read.counts(service.db, who.business_id, job_id))


@router.post("/preview", summary="A message with real figures")
async def preview_message(
    job_id: Uuid, body: PreviewRequest, who: Namer, service: Service
) -> Preview:
    """As it would be now: what is known of the client's refunds, in the words asked for."""
    shown = await preview.preview(
        service.db,
        service.settings,
        who.business_id,
        job_id,
        client_id=body.client_id,
        wording=preview.Wording(body.language, body.subject, body.text),
    )
    return Preview(client_id=shown.client_id, **asdict(shown.composed))


@router.post(
    "/{message_id}/resend",
    summary="Send a message again",
    responses=problems("message-pending"),
)
async def resend_message(job_id: Uuid, message_id: Uuid, who: Writer, service: Service) -> Message:
    """It says what it said, to the address that is known now."""
    again = await read.resend(service.db, who.business_id, job_id, message_id)
    return Message.of(again, with_names=Scope.AUDIT_READ in who.scopes)
