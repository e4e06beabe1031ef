"""Stripe, and its words: a `Provider`."""

from app.gateways.stripe.account import account_of
from app.gateways.stripe.gateway import open_gateway
from app.gateways.stripe.inbound import read_event, verify_event

__all__ = ["account_of", "open_gateway", "read_event", "verify_event"]
