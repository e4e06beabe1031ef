"""The gateway to Stripe: a call for each form, and the optional reads."""

from app.domain.statuses import FORM_NOT_SUPPORTED, RefundForm
from app.gateways.by_reference import utc_now
from app.gateways.facts import BalanceAnswer, PaymentAnswer, PaymentAsked
from app.gateways.http import UpstreamClient
from app.gateways.outcomes import Absent, Finding, Order, Outcome, PaymentAccount, Rejected
from app.gateways.stripe.reads import read_balance, read_payment
from app.gateways.stripe.refunds import StripeRefunds
from app.gateways.stripe.voids import StripeVoids


class StripeGateway:
    """A `ReadingGateway`. `upstream`'s token is the platform's secret key."""

    def __init__(self, upstream: UpstreamClient) -> None:
        """Take over `upstream`: closing the gateway closes it.

        A look-up has a call's time for all its pages.
        """
        self._upstream = upstream
        self._refunds = StripeRefunds(upstream, look_up_seconds=upstream.total_seconds)
        self._voids = StripeVoids(upstream)

    async def refund(self, order: Order) -> Outcome:
        """Ask once for what the order asks for, under its key."""
        match order.form:
            case RefundForm.ORIGINAL:
                return await self._refunds.refund(order)
            case RefundForm.VOID:
                return await self._voids.void(order)
            case _:
                return Rejected(FORM_NOT_SUPPORTED, "Stripe has no store credit of ours", None)

    async def look_up(self, order: Order) -> Finding:
        """What Stripe has of this order; changes nothing there."""
        match order.form:
            case RefundForm.ORIGINAL:
                return await self._refunds.look_up(order)
            case RefundForm.VOID:
                return await self._voids.look_up(order)
            case _:  # it was never asked for anything
                return Absent()

    async def payment(self, asked: PaymentAsked) -> PaymentAnswer:
        """Read a payment once."""
        return await read_payment(
            self._upstream, asked.payment_id, asked.payment_account, now=utc_now()
        )

    async def balance(self, business_id: str, payment_account: PaymentAccount) -> BalanceAnswer:  # noqa: ARG002
        """Read once what is available at the account; Stripe knows no business of ours."""
        return await read_balance(self._upstream, payment_account, now=utc_now())

    async def aclose(self) -> None:
        """Close the pool."""
        await self._upstream.aclose()


def open_gateway(upstream: UpstreamClient) -> StripeGateway:
    """The gateway to Stripe."""
    return StripeGateway(upstream)
