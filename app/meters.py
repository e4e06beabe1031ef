"""What one process counts of itself for `/metrics`: requests answered, and calls of upstreams.

Labels are of few values each: never a business, an id or what a caller wrote.
"""

import re
from typing import Final

from prometheus_client import Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NAMED: Final = re.compile(r"\{[^}]*\}")

_REQUESTS: Final = Histogram(
    "bulk_cancel_http_request_seconds",
    "Until an answer began, by route; streams go on after that.",
    ["method", "route", "status"],
    buckets=_SECONDS,
)
_CALLS: Final = Histogram(
    "bulk_cancel_upstream_call_seconds",
    "Calls of an upstream by what became of them; `throttled` is 429 and the like.",
    ["upstream", "call", "outcome"],
    buckets=_SECONDS,
)


def request_answered(method: str, route: str | None, status: int, seconds: float) -> None:
    """One request; `route` is its template, None: it has none."""
    _REQUESTS.labels(
        method if method in _METHODS else "other",
        "none" if route is None else _NAMED.sub("{}", route),
        status,
    ).observe(seconds)


def upstream_called(upstream: str, call: str, outcome: str, seconds: float) -> None:
    """One call, by the outcome's word."""
    _CALLS.labels(upstream, call, outcome).observe(seconds)
