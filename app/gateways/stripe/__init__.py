"""Stripe, and its words."""
