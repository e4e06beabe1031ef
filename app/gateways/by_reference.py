"""The gateway both contracts share: an order under a key, a look-up by reference.

Each is one call. Both are made with the business's own token where it has one, and not at all where
that can't be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from app.domain.statuses import FORM_NOT_SUPPORTED, RefundForm
from app.gateways.answers import finding_of, outcome_of
from app.gateways.facts import BalanceAnswer, PaymentAnswer, PaymentAsked, Unsupported
from app.gateways.http import UpstreamClient, bearer
from app.gateways.optional import lacks
from app.gateways.outcomes import (
    Absent,
    ConnectedAccount,
    Finding,
    Indeterminate,
    OpenAccount,
    Order,
    Outcome,
    PaymentAccount,
    PlatformAccount,
    Rejected,
    SecretKeyAccount,
    Unavailable,
    UnreadableAccount,
)


def utc_now() -> datetime:
    """The wall clock, aware and in UTC; only Retry-After dates are measured by it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FormOperation:
    """How an order is asked for in one form: `POST path`, and `GET path?reference=`.

    A service may lack one that `is_optional`.
    """

    path: str
    body: Callable[[Order], dict[str, Any]]
    is_optional: bool = True


class ByReference:
    """A `ReadingGateway` for an upstream with an operation for each form that it has."""

    def __init__(
        self,
        upstream: UpstreamClient,
        *,
        operations: Mapping[RefundForm, FormOperation],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take over `upstream`: closing the gateway closes it."""
        self.upstream = upstream
        self.clock = clock
        self._operations = operations

    async def refund(self, order: Order) -> Outcome:
        """Ask once for what the order asks for, under its key.

        A service that lacks its form has surely done nothing, and will not: that is a refusal.
        """
        operation = self._operations.get(order.form)
        if operation is None:
            return Rejected(FORM_NOT_SUPPORTED, "no service of this contract offers it", None)
        if isinstance(order.payment_account, UnreadableAccount):
            return Unavailable(order.payment_account.detail, None)
        headers = account_of(order.payment_account) | {"Idempotency-Key": order.idempotency_key}
        reply = await self.upstream.call(
            "POST", operation.path, headers=headers, json=operation.body(order)
        )
        if operation.is_optional and lacks(reply):
            return Rejected(FORM_NOT_SUPPORTED, "the service does not offer it", None)
        return outcome_of(reply, order, now=self.clock())

    async def look_up(self, order: Order) -> Finding:
        """What the upstream has under the order's reference.

        A service that lacks the form has none, unless it has said that it was at work on this one.
        """
        operation = self._operations.get(order.form)
        if operation is None:  # it was never asked
            return Absent()
        if isinstance(order.payment_account, UnreadableAccount):
            return Indeterminate(f"look-up: {order.payment_account.detail}")
        query = {"reference": order.refund_id}
        reply = await self.upstream.call(
            "GET", operation.path, query=query, headers=account_of(order.payment_account)
        )
        if operation.is_optional and lacks(reply) and order.accepted_as is None:
            return Absent()
        return finding_of(reply, order, now=self.clock())

    async def payment(self, asked: PaymentAsked) -> PaymentAnswer:  # noqa: ARG002 - the protocol's
        """No such read: the contract has none, unless it says otherwise."""
        return Unsupported()

    async def balance(self, business_id: str, payment_account: PaymentAccount) -> BalanceAnswer:  # noqa: ARG002
        """No such read: the contract has none, unless it says otherwise."""
        return Unsupported()

    async def aclose(self) -> None:
        """Close the pool."""
        await self.upstream.aclose()


def account_of(payment_account: OpenAccount) -> dict[str, str]:
    """The header that is sent instead of the platform's.

    None where the platform's token speaks for the business.
    """
    match payment_account:
        case None | PlatformAccount():
            return {}
        case SecretKeyAccount(key):
            return bearer(key)
        case ConnectedAccount():
            raise ValueError("no upstream of our own contracts has connected accounts")
        case _:
            assert_never(payment_account)
