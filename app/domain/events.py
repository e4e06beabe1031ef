"""The types of events that integrations are told of."""

from enum import StrEnum


class EventType(StrEnum):
    """What integrations are told of, by their webhook endpoints."""

    ACCEPTED = "bulk_cancellation.accepted"
    SESSION_CANCELLED = "session.cancelled"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    COMPLETED = "bulk_cancellation.completed"
    APPROVAL_REQUESTED = "bulk_cancellation.approval_requested"
    REFUSED = "bulk_cancellation.refused"
    WITHDRAWN = "bulk_cancellation.withdrawn"
    CLIENT_SETTLED = "client.settled"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    TEST = "webhook_endpoint.test"
