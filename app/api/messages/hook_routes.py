"""The hook of mail services and MTAs: what became of a mail that they had taken."""

import asyncio
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from app.api.dependencies import Service
from app.api.validation import unsupported_media_type
from app.api.webhooks.inbound_bodies import json_of, located
from app.api.webhooks.inbound_documents import (
    NOT_CONFIGURED,
    OBJECT,
    SIGNED_HEADERS,
    TYPE,
    documented,
)
from app.errors import Problem
from app.gateways import inbound
from app.gateways.email.bounces import read_bounce
from app.gateways.email.later_words import (
    MAX_MESSAGE_ID,
    MAX_SAID,
    STATUS_PATTERN,
    LaterWord,
    Said,
    read_hook,
)
from app.messages import bounced

log = structlog.get_logger()
router = APIRouter(prefix="/hooks", tags=["hooks"])

_JSON: Final = "application/json"
_REPORT: Final = "message/rfc822"
_DATA: Final = {
    **OBJECT,
    "properties": {
        "message_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_MESSAGE_ID,
            "description": "The mail's `Message-ID`, or what is before its @: the message's id.",
        },
        "status": {
            "type": ["string", "null"],
            "pattern": STATUS_PATTERN,
            "description": (
                "RFC 3463's code. Only 5.1.0 to 5.1.6, 5.1.10 and 5.2.1 say that nobody reads mail "
                "at the address, which is sent nothing more then."
            ),
        },
        "detail": {
            "type": ["string", "null"],
            "maxLength": MAX_SAID,
            "description": "In words. Addresses in it are left out.",
        },
    },
    "required": ["message_id"],
}
_SCHEMA: Final = {
    **OBJECT,
    "properties": {
        "type": TYPE | {"description": f"{', '.join(Said)}. {TYPE['description']}"},
        "data": _DATA,
    },
    "required": ["type", "data"],
}
_EXAMPLE: Final = {
    "type": Said.BOUNCED,
    "data": {
        "message_id": "<0199c3a2-6f00-7000-8000-0a1b2c3d4e5f@studio.example>",
        "status": "5.1.1",
        "detail": "550 5.1.1 no such user",
    },
}
_DOCUMENTED: Final = documented(
    NOT_CONFIGURED,
    inbound.SIGNATURE_INVALID,
    SIGNED_HEADERS,
    {
        _JSON: {"schema": _SCHEMA, "example": _EXAMPLE},
        _REPORT: {
            "schema": {
                "type": "string",
                "description": (
                    "A report as it came (RFC 3464, RFC 6533, RFC 5965), in UTF-8, of which the "
                    "first 256 KiB are read. What is none is answered 204."
                ),
            }
        },
    },
)


@router.post("/messages", summary="A mail service's later word on a message", **_DOCUMENTED)
async def receive_messages_hook(request: Request, service: Service) -> Response:
    """What came back of a message that was sent: it reads `bounced`.

    A dead address, and one that complained, is sent nothing more of its business. Standard Webhooks
    1.0.0; each event id counts once. What there is no message of is answered alike.
    """
    secrets = service.settings.hooks_secret
    if secrets is None:
        raise Problem(*NOT_CONFIGURED)
    body = await request.body()
    inbound.verify_event(secrets.get_secret_value().split(), request.headers, body)
    word = await _word_in(request, body, service.settings.mail_bounces)
    if word is None:
        log.info("hook.not_for_us", source="messages")
    else:
        event_id = request.headers[inbound.ID_HEADER]
        await bounced.hear(service.db, word, event_id=event_id)
    return Response(status_code=204)


async def _word_in(request: Request, body: bytes, mail_bounces: str | None) -> LaterWord | None:
    content_type = request.headers.get("content-type")
    match (content_type or "").partition(";")[0].strip().lower():
        case "message/rfc822":
            # It may take longer than others should wait.
            bounce = await asyncio.to_thread(read_bounce, body, mail_bounces=mail_bounces)
            return None if bounce is None else LaterWord.of_bounce(bounce)
        case "application/json":
            return located(read_hook, json_of(body, content_type))
    raise unsupported_media_type(content_type, f"{_JSON} or {_REPORT}")
