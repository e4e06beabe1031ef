"""What a process tells Prometheus: of itself, and of the whole service as the database has it.

With the database away it tells of itself alone, and that. It names no business.
"""

import asyncio
import hmac
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.config.settings import Settings
from app.db.core.due_keys import MAX_COUNTED, Backlog
from app.db.core.engine import Connections, Database
from app.db.core.outage import DATABASE_ERRORS, is_outage
from app.db.schema import newest_version
from app.domain.statuses import IN_PROCESS, DisabledBecause, EndpointStatus
from app.gateways.outcomes import UpstreamMethod
from app.operators.service_state import RULES, ServiceState, service_state
from app.refunds.pacing.paces import Paces

log = structlog.get_logger()

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_PATIENCE_SECONDS: Final = 3.0
_LOOPBACK: Final = {"127.0.0.1", "::1"}
# Name after the upstream's, what it says, and the field of the pace.
_OF_PACE: Final = (
    ("businesses", "Businesses whose refunds this process calls for now.", "businesses"),
    ("calls_in_flight", "Calls that are under way.", "in_flight"),
    ("breakers_open", "Businesses whose calls wait, or go one at a time.", "breakers_open"),
    ("paced_accounts", "Accounts that have a rate; all others are not limited.", "paced_accounts"),
    ("paced_calls_per_second", "Calls that those accounts may have of this process.", "per_second"),
)


class Role(StrEnum):
    """What a process is for."""

    API = "api"
    WORKER = "worker"
    EMBEDDED = "embedded"  # both


async def exposition(db: Database, settings: Settings, role: Role, paces: Paces | None) -> bytes:
    """This process's metrics and the whole service's, in the format that the scraper reads.

    `paces` are its own; None: it calls no upstream.
    """
    registry = CollectorRegistry()
    registry.register(_Process(db.connections, role, test_mode=settings.test_mode))
    if paces is not None:
        registry.register(_Pace(paces))
    registry.register(_Service(await _state(db)))
    return generate_latest(REGISTRY) + generate_latest(registry)


def may_read(headers: Mapping[str, str], host: str | None, settings: Settings) -> bool:
    """Whether this caller may read them.

    With a token, who has it. Without one, in an embedded process, who calls from this machine and
    not through a proxy on it: but many proxies do not say that they are there.
    """
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}".encode()
        return hmac.compare_digest(headers.get("authorization", "").encode("latin-1"), expected)
    proxied = {"forwarded", "x-forwarded-for", "via"} & set(headers)
    return settings.embedded and not proxied and host in _LOOPBACK


async def _state(db: Database) -> ServiceState | None:
    """What the database says; None: it says nothing in good time."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await service_state(db)
    except DATABASE_ERRORS as error:
        if not is_outage(error):
            raise
        log.warning("metrics.database_unreachable", error=type(error).__name__)
        return None


@dataclass(frozen=True, slots=True, eq=False)  # the registry keeps it by identity
class _Process(Collector):
    """What this process knows of itself at one scrape."""

    connections: Connections
    role: Role
    test_mode: bool

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = GaugeMetricFamily(
            "bulk_cancel_build_info",
            "1, with what this process is built of.",
            labels=["version", "schema", "python", "role"],
        )
        build.add_metric(
            [version("bulk-cancel"), newest_version(), platform.python_version(), self.role], 1
        )
        yield build
        yield GaugeMetricFamily(
            "bulk_cancel_database_connections_in_use",
            "Connections to the database that this process uses now.",
            value=self.connections.in_use,
        )
        yield GaugeMetricFamily(
            "bulk_cancel_database_connections_max",
            "As many as it may have; at that many, whoever needs one waits.",
            value=self.connections.most,
        )
        yield GaugeMetricFamily(
            "bulk_cancel_test_mode",
            "1 while the sandbox answers instead of payment and credit services: no money moves.",
            value=float(self.test_mode),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Pace(Collector):
    """How fast this process calls each upstream."""

    paces: Paces

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = {method: self.paces.at_upstream(method) for method in UpstreamMethod}
        for name, said, field in _OF_PACE:
            family = GaugeMetricFamily(f"bulk_cancel_upstream_{name}", said, labels=["upstream"])
            for method, pace in now.items():
                family.add_metric([method], getattr(pace, field))
            yield family


@dataclass(frozen=True, slots=True, eq=False)
class _Service(Collector):
    """What the database says at one scrape; None: nothing."""

    state: ServiceState | None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "bulk_cancel_database_up",
            "1 if the database answered this scrape; what it would say is missing otherwise.",
            value=float(self.state is not None),
        )
        if self.state is not None:
            yield from _of_state(self.state)


def _of_state(state: ServiceState) -> Iterator[GaugeMetricFamily]:
    violations = GaugeMetricFamily(
        "bulk_cancel_invariant_violations",
        "Rows that broke a rule of the books at the last check; anything but 0 needs a person.",
        labels=["rule"],
    )
    for rule in RULES:
        violations.add_metric([rule], state.violations[rule])
    yield violations
    for name, tells, at in (
        ("books", "When the books were last checked; 0: never.", state.checked_at),
        (
            "chains",
            "When the last walk through the chains of all jobs began that has ended; 0: none has.",
            state.chains_checked_at,
        ),
    ):
        yield GaugeMetricFamily(
            f"bulk_cancel_{name}_checked_timestamp_seconds",
            tells,
            value=0.0 if at is None else at.timestamp(),
        )
    jobs_open = GaugeMetricFamily(
        "bulk_cancel_open_jobs", "Bulk cancellations that have not ended.", labels=["status"]
    )
    for status in IN_PROCESS:
        jobs_open.add_metric([status], state.open_jobs.get(status, 0))
    yield jobs_open
    yield GaugeMetricFamily(
        "bulk_cancel_most_overdue_seconds",
        "How late the job is that has waited longest; above two sweeps, workers are missing.",
        value=max(0.0, -(state.next_due_in or 0.0)),
    )
    endpoints = GaugeMetricFamily(
        "bulk_cancel_webhook_endpoints",
        "Webhook endpoints; `failing` ones were disabled after five days.",
        labels=["state"],
    )
    for word in (EndpointStatus.ENABLED, *DisabledBecause):
        endpoints.add_metric([word], state.endpoints.get(word, 0))
    yield endpoints
    refunds = GaugeMetricFamily(
        "bulk_cancel_refunds_due",
        "Refunds of running jobs that wait for a worker; of each job at most "
        f"{MAX_COUNTED:,} are counted.",
        labels=["upstream"],
    )
    for method, backlog in state.refunds.items():
        refunds.add_metric([method], backlog.due)
    yield refunds
    yield from _of_backlog("webhook_deliveries", "endpoint", state.deliveries)
    yield from _of_backlog("messages", "business", state.messages)


def _of_backlog(what: str, key: str, backlog: Backlog) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily(
        f"bulk_cancel_{what}_due",
        f"Those that wait for a worker; of each {key} at most {MAX_COUNTED:,} are counted.",
        value=backlog.due,
    )
    yield GaugeMetricFamily(
        f"bulk_cancel_{what}_overdue_seconds",
        "How late the one is that has waited longest.",
        value=backlog.overdue_seconds,
    )
