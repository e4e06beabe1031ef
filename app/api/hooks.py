"""Hooks in: the payment and the credit service say that a refund has come further. They sign, and need no API key.

What is not for us is answered 204 all the same, so that no upstream sends it for ever.
"""

from typing import Annotated, Any, Final

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from app.api.openapi import problems
from app.api.state import Service, State
from app.api.validation import malformed, unsupported_media_type
from app.cancellation import hints
from app.cancellation.hints import Source
from app.errors import Problem
from app.webhooks.receive import SIGNATURE_INVALID, verified_event_id

log = structlog.get_logger()
router = APIRouter(prefix="/hooks", tags=["hooks"])

_REFUND_UPDATED: Final = "refund.updated"


class _AnyHook(BaseModel):
    """What every hook has. A sender may say more than is read here."""

    type: Annotated[str, Field(min_length=1)]


class _HookedRefund(BaseModel):
    reference: Annotated[str, Field(min_length=1, max_length=255)]


class _RefundHook(_AnyHook):
    data: _HookedRefund


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    about = {"description": description, "schema": {"type": "string"}, "example": example}
    return {"name": name, "in": "header", "required": True} | about


def _refusal(status: int, slug: str, title: str, detail: str) -> dict[int | str, dict[str, Any]]:
    [(_, response)] = problems(status).items()
    [content] = response["content"].values()
    content["example"] = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    return {status: response | {"description": title}}


_NOT_CONFIGURED: Final = (
    404,
    "hooks-not-configured",
    "Hooks are not configured",
    "No hooks are taken here: BULK_CANCEL_HOOKS_SECRET is not set.",
)
_SIGNATURE: Final = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
_EXAMPLE: Final = {
    "type": _REFUND_UPDATED,
    "timestamp": "2026-11-23T06:00:00.000Z",
    "data": {"id": "rf_00000001", "status": "succeeded", "reference": "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f"},
}
_REFUND: Final = {
    "type": "object",
    "description": "The refund as your document shows it. Only its reference is read.",
    "properties": {"reference": {"type": "string", "minLength": 1, "maxLength": 255, "description": "As it was sent."}},
    "required": ["reference"],
}
_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "minLength": 1, "description": "Others are answered 204, and not read further."},
        "timestamp": {"description": "When it happened. Not read."},
        "data": _REFUND,
    },
    "required": ["type", "data"],
}
_DOCUMENTED: Final[dict[str, Any]] = {
    "status_code": 204,
    "response_class": Response,
    "responses": {
        204: {"description": "Heard; or not for us, or heard before."},
        **_refusal(*_NOT_CONFIGURED),
        **_refusal(*SIGNATURE_INVALID),
        **problems(503),
    },
    "openapi_extra": {
        "parameters": [
            _header("webhook-id", "The event's id, the same over all attempts.", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
            _header("webhook-timestamp", "Seconds since 1970, within 300 of our clock.", "1795413600"),
            _header(
                "webhook-signature", "`v1,` and the signature in base64; several, with spaces between.", _SIGNATURE
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}},
        },
    },
}


@router.post("/payments", summary="A payment service's later word on a refund", **_DOCUMENTED)
async def receive_payments_hook(request: Request, service: Service) -> Response:
    """Taken as a hint: the refund is looked up at the service. Standard Webhooks 1.0.0; each event id counts once."""
    return await _receive(request, service, Source.PAYMENTS)


@router.post("/credits", summary="A credit service's later word on a return", **_DOCUMENTED)
async def receive_credits_hook(request: Request, service: Service) -> Response:
    """Taken as a hint: the return is looked up at the service. Standard Webhooks 1.0.0; each event id counts once."""
    return await _receive(request, service, Source.CREDITS)


async def _receive(request: Request, service: State, source: Source) -> Response:
    secret = service.settings.hooks_secret
    if secret is None:
        raise Problem(*_NOT_CONFIGURED)
    body = await request.body()
    event_id = verified_event_id(secret.get_secret_value().split(), request.headers, body)
    reference = _reference_in(body, request.headers.get("content-type"))
    if reference is None:
        log.info("hook.of_another_type", source=source)
    else:
        await hints.take(service.db, service.queue, source, event_id=event_id, reference=reference)
    return Response(status_code=204)


def _reference_in(body: bytes, content_type: str | None) -> str | None:
    """The reference that the hook is about; None when it is of a type that is nothing to us."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type(content_type)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg} (at character {error.pos}).") from None
    try:
        if _AnyHook.model_validate(document).type != _REFUND_UPDATED:
            return None
        return _RefundHook.model_validate(document).data.reference
    except ValidationError as error:
        told = [one | {"loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(told, body=document) from None
