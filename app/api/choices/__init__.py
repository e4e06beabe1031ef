"""Clients' choices over HTTP: by their links, and as the business sees them."""
