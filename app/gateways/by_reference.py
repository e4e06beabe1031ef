"""The gateway both contracts share: a refund under a key, a look-up by reference.

Each is one call. Both are made with the business's own token where it has one, and not at all where
that can't be read.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, assert_never

from app.gateways.answers import finding_of, outcome_of
from app.gateways.facts import BalanceAnswer, PaymentAnswer, PaymentAsked, Unsupported
from app.gateways.http import UpstreamClient, bearer
from app.gateways.outcomes import (
    ConnectedAccount,
    Finding,
    Indeterminate,
    Order,
    Outcome,
    PaymentAccount,
    SecretKeyAccount,
    Unavailable,
    UnreadableAccount,
)


def utc_now() -> datetime:
    """The wall clock, aware and in UTC; only Retry-After dates are measured by it."""
    return datetime.now(UTC)


class ByReference:
    """A `ReadingGateway` for an upstream with `POST path` and `GET path?reference=`."""

    def __init__(
        self,
        upstream: UpstreamClient,
        *,
        path: str,
        body: Callable[[Order], dict[str, Any]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take over `upstream`: closing the gateway closes it."""
        self.upstream = upstream
        self.clock = clock
        self._path = path
        self._body = body

    async def refund(self, order: Order) -> Outcome:
        """Ask once for the refund, under the order's key."""
        if isinstance(order.payment_account, UnreadableAccount):
            return Unavailable(order.payment_account.detail, None)
        headers = account_of(order.payment_account) | {"Idempotency-Key": order.idempotency_key}
        reply = await self.upstream.call(
            "POST", self._path, headers=headers, json=self._body(order)
        )
        return outcome_of(reply, order, now=self.clock())

    async def look_up(self, order: Order) -> Finding:
        """What the upstream has under the order's reference."""
        if isinstance(order.payment_account, UnreadableAccount):
            return Indeterminate(f"look-up: {order.payment_account.detail}")
        query = {"reference": order.refund_id}
        reply = await self.upstream.call(
            "GET", self._path, query=query, headers=account_of(order.payment_account)
        )
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


def account_of(payment_account: ConnectedAccount | SecretKeyAccount | None) -> dict[str, str]:
    """The header that is sent instead of the platform's.

    None where the platform's token speaks for the business.
    """
    match payment_account:
        case None:
            return {}
        case SecretKeyAccount(key):
            return bearer(key)
        case ConnectedAccount():
            raise ValueError("no upstream of our own contracts has connected accounts")
        case _:
            assert_never(payment_account)
