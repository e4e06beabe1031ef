"""Clients' personal data over HTTP."""
