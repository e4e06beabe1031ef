"""Bulk cancellations over HTTP: routes, bodies, streams and refunds."""
