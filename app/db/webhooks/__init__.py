"""Webhooks out as rows: endpoints, their secrets, events, deliveries and attempts."""
