"""The payments contract (`openapi/payments-upstream.yaml`): its paths and bodies, no more."""

from typing import Any, Final
from urllib.parse import quote

from app.domain.statuses import RefundForm
from app.gateways.by_reference import ByReference, FormOperation, account_of
from app.gateways.facts import BalanceAnswer, FactsUnknown, PaymentAnswer, PaymentAsked
from app.gateways.http import UpstreamClient
from app.gateways.inbound import read_event, verify_event
from app.gateways.optional import balance_of, payment_of
from app.gateways.outcomes import Order, PaymentAccount, UnreadableAccount

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


class PaymentsService(ByReference):
    """The gateway to a payments service, with the reads that it may offer."""

    async def payment(self, asked: PaymentAsked) -> PaymentAnswer:
        """Read a payment once: `GET /payments/{id}`."""
        if asked.payment_id in {".", ".."}:
            return FactsUnknown("this id would be another path")
        if isinstance(asked.payment_account, UnreadableAccount):
            return FactsUnknown(asked.payment_account.detail)
        reply = await self.upstream.call(
            "GET",
            f"/payments/{quote(asked.payment_id, safe='')}",
            query={"business_id": asked.business_id},
            headers=account_of(asked.payment_account),
        )
        return payment_of(reply, asked, now=self.clock())

    async def balance(self, business_id: str, payment_account: PaymentAccount) -> BalanceAnswer:
        """Read once what refunds of the business are paid from: `GET /balance`."""
        if isinstance(payment_account, UnreadableAccount):
            return FactsUnknown(payment_account.detail)
        reply = await self.upstream.call(
            "GET",
            "/balance",
            query={"business_id": business_id},
            headers=account_of(payment_account),
        )
        return balance_of(reply, now=self.clock())


def open_gateway(upstream: UpstreamClient) -> PaymentsService:
    """The gateway to a payments service."""
    return PaymentsService(upstream, operations=_OPERATIONS)


def _body(order: Order) -> dict[str, Any]:
    return {
        "business_id": order.business_id,
        "payment_id": order.payment_id,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "reference": order.refund_id,
        "reason": order.reason,
    }


_OPERATIONS: Final = {
    RefundForm.ORIGINAL: FormOperation("/refunds", _body, is_optional=False),
    RefundForm.VOID: FormOperation("/voids", _body),
}
