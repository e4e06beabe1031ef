"""What one process counts of itself for `/metrics`: what it answered, called, sent and recorded.

Labels are of few values each: never a business, an id or what a caller wrote.
"""

import re
from typing import Final

from prometheus_client import Counter, Histogram

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
_REFUNDS: Final = Counter(
    "bulk_cancel_refunds_recorded",
    "Outcomes of refunds that were written, by the state that the refund came to.",
    ["upstream", "status"],
)
_JOBS: Final = Counter(
    "bulk_cancel_jobs_ended", "Bulk cancellations that came to their end.", ["status"]
)
_WEBHOOKS: Final = Histogram(
    "bulk_cancel_webhook_attempt_seconds",
    "Attempts to deliver an event to an endpoint.",
    ["outcome"],
    buckets=_SECONDS,
)
_MESSAGES: Final = Counter(
    "bulk_cancel_messages_tried",
    "Tries of messages, by what the message came to; `pending` ones are tried again.",
    ["status"],
)
_ROUNDS: Final = Counter(
    "bulk_cancel_background_rounds",
    "Rounds of what runs in the background; a `failed` one is logged, and the next one comes.",
    ["service", "outcome"],
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


def refunds_recorded(upstream: str, status: str, count: int) -> None:
    """So many refunds that came to this state."""
    _REFUNDS.labels(upstream, status).inc(count)


def job_ended(status: str) -> None:
    """One that no machine goes on with."""
    _JOBS.labels(status).inc()


def webhook_attempted(*, delivered: bool, seconds: float) -> None:
    """One attempt that was made."""
    _WEBHOOKS.labels("delivered" if delivered else "failed").observe(seconds)


def message_tried(status: str) -> None:
    """One try that was made, or given up before."""
    _MESSAGES.labels(status).inc()


def round_ended(service: str, *, failed: bool) -> None:
    """One round of a background service."""
    _ROUNDS.labels(service, "failed" if failed else "ended").inc()
