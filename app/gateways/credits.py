"""The credits contract (`openapi/credits-upstream.yaml`): a return's path and body, no more."""

from typing import Any, Final

from app.domain.days import instant_text
from app.gateways.by_reference import ByReference, account_of
from app.gateways.http import UpstreamClient
from app.gateways.inbound import read_event, verify_event
from app.gateways.outcomes import Order

__all__ = [
    "account_of",
    "counts_platform_calls_together",
    "has_connected_accounts",
    "open_gateway",
    "read_event",
    "verify_event",
]

has_connected_accounts: Final = False
counts_platform_calls_together: Final = False


def open_gateway(upstream: UpstreamClient) -> ByReference:
    """The gateway to a credits service."""
    return ByReference(upstream, path="/credit-returns", body=_body)


def _body(order: Order) -> dict[str, Any]:
    body = {
        "business_id": order.business_id,
        "client_id": order.client_id,
        "account_id": order.account_id,
        "credits": order.credits,
        "reference": order.refund_id,
        "reason": order.reason,
    }
    if order.valid_until is not None:
        body["valid_until_at_least"] = instant_text(order.valid_until)
    return body
