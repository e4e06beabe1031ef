"""The credits contract (`openapi/credits-upstream.yaml`): a return's path and body, nothing else."""

from typing import Any

from app.gateways.by_reference import ByReference
from app.gateways.http import Upstream
from app.gateways.outcomes import Order


def credits_gateway(upstream: Upstream) -> ByReference:
    """The gateway to a credits service."""
    return ByReference(upstream, path="/credit-returns", body=_body)


def _body(order: Order) -> dict[str, Any]:
    return {
        "account_id": order.account_id,
        "credits": order.credits,
        "reference": order.refund_id,
        "reason": order.reason,
    }
