"""Stripe, and its words: a `Provider`."""

from typing import Final

from app.gateways.stripe.account import account_of
from app.gateways.stripe.gateway import open_gateway
from app.gateways.stripe.inbound import read_event, verify_event

__all__ = [
    "account_of",
    "counts_platform_calls_together",
    "has_connected_accounts",
    "open_gateway",
    "read_event",
    "verify_event",
]

has_connected_accounts: Final = True  # docs.stripe.com/connect/authentication
counts_platform_calls_together: Final = True  # docs.stripe.com/rate-limits: of an account
