"""The payments contract (`openapi/payments-upstream.yaml`): a refund's path and body, no more."""

from typing import Any

from app.gateways.by_reference import ByReference, account_of
from app.gateways.http import UpstreamClient
from app.gateways.inbound import read_event, verify_event
from app.gateways.outcomes import Order

__all__ = ["account_of", "open_gateway", "read_event", "verify_event"]


def open_gateway(upstream: UpstreamClient) -> ByReference:
    """The gateway to a payments service."""
    return ByReference(upstream, path="/refunds", body=_body)


def _body(order: Order) -> dict[str, Any]:
    return {
        "business_id": order.business_id,
        "payment_id": order.payment_id,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "reference": order.refund_id,
        "reason": order.reason,
    }
