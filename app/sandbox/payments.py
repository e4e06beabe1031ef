"""What a payments service knows of its payments, and the balance that it refunds from."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Payment:
    """A payment that may be given back up to its amount.

    `given_back` is what was refunded of it, or let go of one that is not `captured`.
    """

    amount: int
    currency: str | None
    given_back: int = 0
    captured: bool = True
    disputed: bool = False
    refundable_until: str | None = None

    @property
    def left(self) -> int:
        """What may still be given back; below zero where more was than was paid."""
        return self.amount - self.given_back

    def facts(self) -> dict[str, Any]:
        """What it was registered with, beside amount and currency."""
        kept = ("captured", "disputed", "refundable_until")
        return {name: value for name, value in asdict(self).items() if name in kept}

    def is_too_old(self, now: datetime) -> bool:
        """Whether its time for refunds is over."""
        until = self.refundable_until
        return until is not None and datetime.fromisoformat(until) < now


@dataclass(slots=True)
class Till:
    """The payments that are known, and what there is to refund from.

    `balance` is by currency, in minor units; None: it is not kept, and nothing is measured by it.
    """

    payments: dict[str, Payment] = field(default_factory=dict)
    balance: dict[str, int] | None = None

    def register(self, payment_id: str, payment: Payment) -> None:
        """Make a payment known; what was given back of it before stays so."""
        before = self.payments.get(payment_id)
        self.payments[payment_id] = replace(payment, given_back=before.given_back if before else 0)

    def give_back(self, payment_id: str, amount: int, currency: str | None, taken: int) -> None:
        """Count what was given back of a payment; below zero: taken back.

        One that is not known was of the amount that is asked for.
        """
        payment = self.payments.setdefault(payment_id, Payment(amount, currency))
        payment.given_back += taken
        if self.balance is not None and payment.captured and currency is not None:
            self.balance[currency] = self.balance.get(currency, 0) - taken

    def refusal(
        self, payment_id: str, amount: int, currency: str | None, *, now: datetime
    ) -> str | None:
        """Why this can't be refunded; None if it can."""
        payment = self.payments.get(payment_id)
        why = None if payment is None else _refusal(payment, amount, currency, now)
        if (
            why is None
            and self.balance is not None
            and self.balance.get(currency or "", 0) < amount
        ):
            return "insufficient_balance"
        return why

    def void_refusal(self, payment_id: str, amount: int, currency: str | None) -> str | None:
        """Why this authorisation can't be let go; None: it can."""
        payment = self.payments.get(payment_id)
        if payment is None or payment.captured:
            return "already_captured"
        if payment.currency != currency:
            return "currency_mismatch"
        if payment.left <= 0:
            return "already_refunded"
        return None if amount == payment.left else "amount_not_whole"

    def shown(self, payment_id: str) -> dict[str, Any]:
        """A payment that is known as `GET /payments/{id}` shows it."""
        payment = self.payments[payment_id]
        return {
            "payment_id": payment_id,
            "remaining_minor": max(payment.left, 0),
            "currency": payment.currency,
        } | payment.facts()

    def clear(self) -> None:
        """Forget all payments, and keep no balance."""
        self.payments.clear()
        self.balance = None


def _refusal(payment: Payment, amount: int, currency: str | None, now: datetime) -> str | None:
    if payment.currency != currency:
        return "currency_mismatch"
    if payment.left <= 0:
        return "already_refunded"
    if not payment.captured:
        return "not_captured"
    if payment.disputed:
        return "payment_disputed"
    if payment.is_too_old(now):
        return "refund_window_expired"
    return None if amount <= payment.left else "amount_exceeds_remaining"
