"""Bulk Cancel: cancel many class sessions in one action and settle every booking exactly once.

Requests flow one way: `api` parses and authorises, one step of `cancellation` or `schedule` does
the work in short transactions over `db`, `queue` wakes a worker, and the worker calls the upstreams
through `gateways`.
"""

import app.domain.zones  # noqa: F401 - first of all: whoever makes a zone before would have it by the machine's rules
