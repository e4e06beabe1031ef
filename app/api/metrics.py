"""`/metrics`, for Prometheus: whether the books are in order and jobs move on.

It is read from the database at each scrape. So every API process tells the same of all workers. It
names no business, and is not for the public (`_may_read`).
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.api.dependencies import Service
from app.config.settings import Settings
from app.domain.statuses import IN_PROCESS, DisabledBecause, EndpointStatus
from app.errors import NotFound
from app.operators.service_state import RULES, ServiceState, service_state

router = APIRouter()

_LOOPBACK: Final = {"127.0.0.1", "::1"}


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, service: Service) -> Response:
    """This process's metrics and the whole service's, in the format that the scraper reads."""
    if not _may_read(request, service.settings):
        raise NotFound("page")
    now = _Now(await service_state(service.db), test_mode=service.settings.test_mode)
    registry = CollectorRegistry()
    registry.register(now)
    return Response(
        generate_latest(REGISTRY) + generate_latest(registry), media_type=CONTENT_TYPE_LATEST
    )


def _may_read(request: Request, settings: Settings) -> bool:
    """Whether this caller may read them.

    With a token, who has it. Without one, in an embedded process, who calls from this machine and
    not through a proxy on it: but many proxies do not say that they are there.
    """
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}".encode()
        return hmac.compare_digest(
            request.headers.get("authorization", "").encode("latin-1"), expected
        )
    proxied = {"forwarded", "x-forwarded-for", "via"} & set(request.headers)
    return (
        settings.embedded
        and not proxied
        and request.client is not None
        and request.client.host in _LOOPBACK
    )


@dataclass(frozen=True, slots=True, eq=False)  # the registry keeps it by identity
class _Now(Collector):
    """What the database says at one scrape."""

    state: ServiceState
    test_mode: bool

    def collect(self) -> Iterator[GaugeMetricFamily]:
        violations = GaugeMetricFamily(
            "bulk_cancel_invariant_violations",
            "Rows that broke a rule of the books at the last check; anything but 0 needs a person.",
            labels=["rule"],
        )
        for rule in RULES:
            violations.add_metric([rule], self.state.violations.get(rule, 0))
        yield violations
        checked_at = self.state.checked_at
        yield GaugeMetricFamily(
            "bulk_cancel_books_checked_timestamp_seconds",
            "When the books were last checked; 0: never.",
            value=0.0 if checked_at is None else checked_at.timestamp(),
        )
        jobs_open = GaugeMetricFamily(
            "bulk_cancel_open_jobs", "Bulk cancellations that have not ended.", labels=["status"]
        )
        for status in IN_PROCESS:
            jobs_open.add_metric([status], self.state.open_jobs.get(status, 0))
        yield jobs_open
        yield GaugeMetricFamily(
            "bulk_cancel_most_overdue_seconds",
            "How late the job is that has waited longest; above two sweeps, workers are missing.",
            value=max(0.0, -(self.state.next_due_in or 0.0)),
        )
        endpoints = GaugeMetricFamily(
            "bulk_cancel_webhook_endpoints",
            "Webhook endpoints; `failing` ones were disabled after five days.",
            labels=["state"],
        )
        for state in (EndpointStatus.ENABLED, *DisabledBecause):
            endpoints.add_metric([state], self.state.endpoints.get(state, 0))
        yield endpoints
        yield GaugeMetricFamily(
            "bulk_cancel_test_mode",
            "1 while the sandbox answers instead of payment and credit services: no money moves.",
            value=float(self.test_mode),
        )
