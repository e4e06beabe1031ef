"""Webhooks out as values: an endpoint, its deliveries and their attempts."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from app.domain.events import EventType
from app.domain.statuses import DeliveryStatus, DisabledBecause, EndpointStatus


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """Where a business is told, and how that place has been doing."""

    id: str
    business_id: str
    url: str
    description: str | None
    event_types: Collection[EventType] | None  # None: all
    status: EndpointStatus
    disabled_because: DisabledBecause | None
    failing_since: dt.datetime | None  # the first failure since the last success
    created_at: dt.datetime
    previous_secret_until: dt.datetime | None  # when the last secret before its current one ends


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What a worker needs to know of an endpoint."""

    id: str
    business_id: str
    url: str
    status: EndpointStatus
    failing_since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """An event on its way to an endpoint; `payload` is the text that is sent."""

    event_id: str
    type: EventType
    occurred_at: dt.datetime
    status: DeliveryStatus
    next_attempt_at: dt.datetime | None
    payload: str


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt at a delivery, and what came back; `status_code` is None where nothing did."""

    ended_at: dt.datetime
    status_code: int | None
    error: str | None
    response: str | None
    milliseconds: int
