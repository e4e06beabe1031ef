"""The credits contract (`openapi/credits-upstream.yaml`): a return's path and body, no more."""

from typing import Any

from app.gateways.by_reference import ByReference
from app.gateways.http import UpstreamClient
from app.gateways.outcomes import Order


def credits_gateway(upstream: UpstreamClient) -> ByReference:
    """The gateway to a credits service."""
    return ByReference(upstream, path="/credit-returns", body=_body)


def _body(order: Order) -> dict[str, Any]:
    return {
        "business_id": order.business_id,
        "client_id": order.client_id,
        "account_id": order.account_id,
        "credits": order.credits,
        "reference": order.refund_id,
        "reason": order.reason,
    }
