"""Hooks in: payment and credit services, or Stripe, say a refund came further.

They have no key: they sign. What is not for us is answered 204 all the same, so that no upstream
sends it for ever.
"""

from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from app.api.dependencies import Service, State
from app.api.webhooks.inbound_bodies import event_in
from app.api.webhooks.inbound_documents import (
    NOT_CONFIGURED,
    OBJECT,
    SIGNED_HEADERS,
    TYPE,
    documented,
    header,
    not_configured,
)
from app.errors import Problem
from app.gateways.build import CREDITS, PAYMENTS
from app.gateways.inbound import REFUND_UPDATED, SIGNATURE_INVALID
from app.gateways.provider import Provider
from app.gateways.stripe import inbound as stripe
from app.refunds import inbound_events
from app.refunds.inbound_events import InboundSource

log = structlog.get_logger()
router = APIRouter(prefix="/hooks", tags=["hooks"])

_STRIPE_NOT_CONFIGURED: Final = not_configured("STRIPE_HOOKS_SECRET")
_EXAMPLE: Final = {
    "type": REFUND_UPDATED,
    "timestamp": "2026-11-23T06:00:00.000Z",
    "data": {
        "id": "rf_00000001",
        "status": "succeeded",
        "reference": "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f",
    },
}
_REFUND: Final = {
    **OBJECT,
    "description": "The refund as your document shows it. Only its reference is read.",
    "properties": {
        "reference": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "As it was sent.",
        }
    },
    "required": ["reference"],
}
_SCHEMA: Final = {
    **OBJECT,
    "properties": {
        "type": TYPE,
        "timestamp": {"description": "When it happened. Not read."},
        "data": _REFUND,
    },
    "required": ["type", "data"],
}
_DOCUMENTED: Final = documented(
    NOT_CONFIGURED,
    SIGNATURE_INVALID,
    SIGNED_HEADERS,
    {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}},
)
_STRIPE_EXAMPLE: Final = {
    "id": "evt_1SXbQzLkdIwHu7ixraBm864M",
    "object": "event",
    "type": REFUND_UPDATED,
    "created": 1795413600,
    "data": {
        "object": {
            "id": "re_1SXbQxLkdIwHu7ixyPzvWG3m",
            "object": "refund",
            "status": "failed",
            "failure_reason": "expired_or_canceled_card",
            "metadata": {"reference": "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f"},
        }
    },
}
_STRIPE_OBJECT: Final = {
    **OBJECT,
    "description": (
        "The refund, of which our reference is read, and whether it has failed, to look it up even "
        "where it had succeeded. What is none, or has none, is answered 204."
    ),
    "properties": {
        "object": {"description": "`refund`."},
        "metadata": {"description": "As it was sent: `reference` is our refund's id."},
    },
}
_STRIPE_TYPES: Final = stripe.STRIPE_TYPES + stripe.THIN_TYPES
_STRIPE_SCHEMA: Final = {
    **OBJECT,
    "properties": {
        "id": {
            "type": "string",
            "pattern": "^[!-~]{1,255}$",
            "description": "The event's, `evt_…`: it counts once.",
        },
        "type": TYPE | {"description": f"{', '.join(_STRIPE_TYPES)}. {TYPE['description']}"},
        "data": OBJECT | {"properties": {"object": _STRIPE_OBJECT}, "required": ["object"]},
    },
    "required": ["id", "type", "data"],
}
_STRIPE_SIGNATURE: Final = (
    "t=1795413600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"
)
_STRIPE_DOCUMENTED: Final = documented(
    _STRIPE_NOT_CONFIGURED,
    stripe.SIGNATURE_INVALID,
    [
        header(
            "Stripe-Signature",
            "`t`, within 300 s of our clock, and one or more `v1`.",
            _STRIPE_SIGNATURE,
        )
    ],
    {"application/json": {"schema": _STRIPE_SCHEMA, "example": _STRIPE_EXAMPLE}},
)


@router.post("/payments", summary="A payment service's later word on a refund", **_DOCUMENTED)
async def receive_payments_hook(request: Request, service: Service) -> Response:
    """Taken as a hint: the refund is looked up at the service.

    Standard Webhooks 1.0.0; each event id counts once.
    """
    secret = service.settings.hooks_secret
    return await _receive(request, service, InboundSource.PAYMENTS, PAYMENTS["http"], secret)


@router.post("/credits", summary="A credit service's later word on a return", **_DOCUMENTED)
async def receive_credits_hook(request: Request, service: Service) -> Response:
    """Taken as a hint: the return is looked up at the service.

    Standard Webhooks 1.0.0; each event id counts once.
    """
    secret = service.settings.hooks_secret
    return await _receive(request, service, InboundSource.CREDITS, CREDITS, secret)


@router.post("/stripe", summary="Stripe's later word on a refund", **_STRIPE_DOCUMENTED)
async def receive_stripe_hook(request: Request, service: Service) -> Response:
    """Taken as a hint: the refund is looked up at Stripe.

    Stripe's own signature; each event id counts once.
    """
    secret = service.settings.stripe_hooks_secret
    return await _receive(request, service, InboundSource.STRIPE, PAYMENTS["stripe"], secret)


async def _receive(
    request: Request,
    service: State,
    source: InboundSource,
    provider: Provider,
    secrets: SecretStr | None,
) -> Response:
    if secrets is None:
        raise Problem(
            *(_STRIPE_NOT_CONFIGURED if source is InboundSource.STRIPE else NOT_CONFIGURED)
        )
    body = await request.body()
    provider.verify_event(secrets.get_secret_value().split(), request.headers, body)
    event = event_in(provider, request.headers, body)
    if event is None:
        log.info("hook.not_for_us", source=source)
    else:
        await inbound_events.take(
            service.db,
            service.queue,
            source,
            event_id=event.event_id,
            reference=event.reference,
            failed_id=event.failed_id,
        )
    return Response(status_code=204)
