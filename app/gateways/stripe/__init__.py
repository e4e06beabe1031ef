"""Stripe, and its words: a `Provider`."""

from app.gateways.stripe.account import account_of
from app.gateways.stripe.inbound import read_event, verify_event
from app.gateways.stripe.refunds import open_gateway

__all__ = ["account_of", "open_gateway", "read_event", "verify_event"]
