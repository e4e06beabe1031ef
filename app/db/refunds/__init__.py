"""Refunds as rows: claimed, recorded, listed, changed by hand; and the rates of their accounts."""
