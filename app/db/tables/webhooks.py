"""Webhooks out, as rows: endpoints, events, deliveries and attempts.

Endpoints are told of events; a delivery is one event's way to one endpoint. Events are written in
the transaction of what they report. A delivery's `due_at` says when it is sent, and alone does.
"""

import sqlalchemy as sa

from app.db.core.dialect import Id, Instant
from app.db.tables import created_at, metadata, of_business, one_of, partial
from app.domain.events import EventType
from app.domain.statuses import DeliveryStatus, EndpointStatus

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("description", sa.String(200)),
    sa.Column("event_types", sa.Text),  # space-separated; NULL: all
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("disabled_because", sa.String(16)),
    sa.Column("failing_since", Instant),  # the first failure since the last success
    created_at(),
    one_of("status", EndpointStatus),
    sa.CheckConstraint(
        "(status = 'disabled') = (disabled_because IS NOT NULL)", name="disabled_for_a_reason"
    ),
    sa.Index("endpoints_of_business", "business_id", "id"),
)

webhook_secrets = sa.Table(
    "webhook_secrets",
    metadata,
    sa.Column("id", Id, primary_key=True),  # UUIDv7: in the order in which they were made
    sa.Column(
        "endpoint_id", sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("secret", sa.Text, nullable=False),  # encrypted
    sa.Column("ends_at", Instant),  # NULL: the current one
    created_at(),
    of_business(),
    sa.Index("secrets_of_endpoint", "endpoint_id", "id"),
    partial("one_current_secret", "endpoint_id", where="ends_at IS NULL", unique=True),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    # UUIDv7, and the `webhook-id`: the same over all attempts and endpoints.
    sa.Column("id", Id, primary_key=True),
    sa.Column("business_id", sa.ForeignKey("businesses.id"), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),  # the very text that is signed and sent
    one_of("type", EventType),
    sa.Index("events_of_business", "business_id", "id"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column(
        "endpoint_id", sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("event_id", sa.ForeignKey("webhook_events.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("due_at", Instant),  # when it is tried next; while one tries it, when another may
    sa.Column("epoch", sa.Integer, nullable=False, default=0),  # raised by every claim: the fence
    # Tries of the schedule, which redelivering begins anew.
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    of_business(),
    one_of("status", DeliveryStatus),
    sa.CheckConstraint("(status = 'pending') = (due_at IS NOT NULL)", name="pending_ones_are_due"),
    partial("deliveries_due", "endpoint_id", "due_at", "event_id", where="due_at IS NOT NULL"),
    sa.Index("deliveries_of_event", "event_id"),
)

webhook_attempts = sa.Table(
    "webhook_attempts",
    metadata,
    sa.Column("endpoint_id", Id, primary_key=True),
    sa.Column("event_id", Id, primary_key=True),
    # That of the claim that made the attempt.
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ended_at", Instant, nullable=False),
    sa.Column("status_code", sa.Integer),  # of what came back, if anything did
    sa.Column("error", sa.String(64)),
    sa.Column("response", sa.String(1024)),  # as much of it as is kept
    sa.Column("milliseconds", sa.Integer, nullable=False),
    of_business(),
    sa.ForeignKeyConstraint(
        ["endpoint_id", "event_id"],
        ["webhook_deliveries.endpoint_id", "webhook_deliveries.event_id"],
        ondelete="CASCADE",
    ),
)
