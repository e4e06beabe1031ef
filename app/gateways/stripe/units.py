"""Amounts in Stripe's unit, which is not everywhere that of ISO 4217."""

from dataclasses import replace
from typing import Final

from app.gateways.outcomes import Order

# As (times, divided by): docs.stripe.com/currencies takes ISK and UGX in hundredths that are always
# 00, and MGA whole. HUF and TWD are special for payouts only.
_UNITS: Final = {"ISK": (100, 1), "UGX": (100, 1), "MGA": (1, 100)}
_SAME: Final = (1, 1)


def in_their_units(order: Order) -> Order | None:
    """The order with its amount in Stripe's unit; None where there is no such amount."""
    times, divided_by = _UNITS.get(order.currency or "", _SAME)
    amount, rest = divmod((order.amount_minor or 0) * times, divided_by)
    return None if rest or amount <= 0 else replace(order, amount_minor=amount)


def in_our_units(amount: int, currency: str) -> int:
    """An amount of Stripe's in ISO 4217's unit of the currency (`CAD`), rounded down."""
    times, divided_by = _UNITS.get(currency, _SAME)
    return amount * divided_by // times
