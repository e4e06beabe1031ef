"""The credits contract (`openapi/credits-upstream.yaml`): its paths and bodies, no more."""

from typing import Any, Final

from app.domain.days import instant_text
from app.domain.statuses import RefundForm
from app.gateways.by_reference import ByReference, FormOperation, account_of
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
    return ByReference(upstream, operations=_OPERATIONS)


def _return(order: Order) -> dict[str, Any]:
    return (
        _for_whom(order)
        | {"account_id": order.account_id, "credits": order.credits}
        | _why(order)
        | _at_least_until(order)
    )


def _store_credit(order: Order) -> dict[str, Any]:
    amount = {"amount_minor": order.amount_minor, "currency": order.currency}
    return _for_whom(order) | amount | _why(order)


def _grant(order: Order) -> dict[str, Any]:
    return _for_whom(order) | {"credits": order.credits} | _why(order) | _at_least_until(order)


def _for_whom(order: Order) -> dict[str, Any]:
    return {
        "business_id": order.business_id,
        "client_id": order.client_id,
    }


def _why(order: Order) -> dict[str, Any]:
    return {"reference": order.refund_id, "reason": order.reason}


def _at_least_until(order: Order) -> dict[str, Any]:
    until = order.valid_until
    return {} if until is None else {"valid_until_at_least": instant_text(until)}


_OPERATIONS: Final = {
    RefundForm.ORIGINAL: FormOperation("/credit-returns", _return, is_optional=False),
    RefundForm.STORE_CREDIT: FormOperation("/store-credits", _store_credit),
    RefundForm.GOODWILL: FormOperation("/credit-grants", _grant),
}
