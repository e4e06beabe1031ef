"""What webhook endpoints are sent, as the document says it.

Each type of event has a schema and an OpenAPI webhook. Nothing is made of these models but the
document; what is written by `app/db` is held to them by a contract test.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field
from pydantic.json_schema import models_json_schema

from app.api.bodies import Answer, UtcInstant
from app.domain.events import EventType
from app.domain.fields import PlatformId, Uuid
from app.domain.statuses import DisabledBecause, JobStatus, RefundStatus

_REF: Final = "#/components/schemas/{model}"
_UNION: Final = "WebhookEvent"
REF: Final = _REF.format(model=_UNION)


class _Data(Answer):
    business_id: str


class _JobData(_Data):
    job_id: Uuid = Field(description="The bulk cancellation.")


class _RefundData(_JobData):
    refund_id: Uuid
    session_id: PlatformId
    booking_id: PlatformId
    client_id: PlatformId


class _Event(Answer):
    timestamp: UtcInstant = Field(description="When it happened; the same over all attempts.")


class BulkCancellationAcceptedData(_JobData):
    """Which bulk cancellation was accepted, and whether it is on hold."""

    status: Literal[JobStatus.HELD, JobStatus.QUEUED] = Field(
        description="`held`: it can be withdrawn for a while."
    )


class BulkCancellationAccepted(_Event):
    """Its sessions are cancelled; their refunds follow."""

    type: Literal[EventType.ACCEPTED]
    data: BulkCancellationAcceptedData


class SessionCancelledData(_JobData):
    """Which session was cancelled, and by which bulk cancellation."""

    session_id: PlatformId


class SessionCancelled(_Event):
    """One for each session that a bulk cancellation has cancelled."""

    type: Literal[EventType.SESSION_CANCELLED]
    data: SessionCancelledData


class RefundSucceededData(_RefundData):
    """Which refund has succeeded."""

    status: Literal[RefundStatus.SUCCEEDED]
    failure_code: str | None = Field(description="Always null here.")


class RefundSucceeded(_Event):
    """A payment line's money or credits are back. Again, should it succeed after a failure."""

    type: Literal[EventType.REFUND_SUCCEEDED]
    data: RefundSucceededData


class RefundFailedData(_RefundData):
    """Which refund has failed, how it stands, and why as far as that is known."""

    status: Literal[RefundStatus.REJECTED, RefundStatus.INDETERMINATE, RefundStatus.PROCESSING]
    failure_code: str | None


class RefundFailed(_Event):
    """No machine will try this refund further, it needs a person.

    Again, if it is retried and fails again.
    """

    type: Literal[EventType.REFUND_FAILED]
    data: RefundFailedData


class BulkCancellationCompletedData(_JobData):
    """Which bulk cancellation has ended, and whether with failures."""

    status: Literal[JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_FAILURES]


class BulkCancellationCompleted(_Event):
    """No machine has anything left to do for it.

    Again after a retry, and when its last failure has been resolved.
    """

    type: Literal[EventType.COMPLETED]
    data: BulkCancellationCompletedData


class BulkCancellationWithdrawnData(_JobData):
    """Which bulk cancellation was withdrawn."""

    status: Literal[JobStatus.WITHDRAWN]


class BulkCancellationWithdrawn(_Event):
    """It was undone while on hold: its sessions are scheduled again, and nothing was returned."""

    type: Literal[EventType.WITHDRAWN]
    data: BulkCancellationWithdrawnData


class WebhookEndpointDisabledData(_Data):
    """Which endpoint was disabled, and why."""

    endpoint_id: Uuid = Field(description="The endpoint that is sent nothing any more.")
    because: Literal[DisabledBecause.GONE, DisabledBecause.FAILING] = Field(
        description="`gone`: it answered 410. `failing`: nothing was delivered for five days."
    )


class WebhookEndpointDisabled(_Event):
    """An endpoint of the business was disabled, and not by hand."""

    type: Literal[EventType.ENDPOINT_DISABLED]
    data: WebhookEndpointDisabledData


class WebhookEndpointTestData(_Data):
    """Which endpoint is tested."""

    endpoint_id: Uuid


class WebhookEndpointTest(_Event):
    """Somebody asked for a test event; only this endpoint is sent it."""

    type: Literal[EventType.TEST]
    data: WebhookEndpointTestData


_JOB: Final = {"job_id": "019aab00-0000-7000-8000-000000000001"}
_ENDPOINT: Final = {"endpoint_id": "019aab00-0000-7000-8000-000000000003"}
_REFUND: Final = _JOB | {
    "refund_id": "019aab00-0000-7000-8000-000000000002",
    "session_id": "s1",
    "booking_id": "b1",
    "client_id": "c1",
}
# Each type's model, what it says in a line, and the ids of an example.
_EVENTS: Final[Mapping[EventType, tuple[type[_Event], str, Mapping[str, str | None]]]] = {
    EventType.ACCEPTED: (
        BulkCancellationAccepted,
        "A bulk cancellation was accepted",
        _JOB | {"status": "queued"},
    ),
    EventType.SESSION_CANCELLED: (
        SessionCancelled,
        "A session was cancelled",
        _JOB | {"session_id": "s1"},
    ),
    EventType.REFUND_SUCCEEDED: (
        RefundSucceeded,
        "A refund has succeeded",
        _REFUND | {"status": "succeeded", "failure_code": None},
    ),
    EventType.REFUND_FAILED: (
        RefundFailed,
        "A refund needs a person",
        _REFUND | {"status": "rejected", "failure_code": "payment_disputed"},
    ),
    EventType.COMPLETED: (
        BulkCancellationCompleted,
        "A bulk cancellation has ended",
        _JOB | {"status": "completed"},
    ),
    EventType.WITHDRAWN: (
        BulkCancellationWithdrawn,
        "A bulk cancellation was withdrawn",
        _JOB | {"status": "withdrawn"},
    ),
    EventType.ENDPOINT_DISABLED: (
        WebhookEndpointDisabled,
        "A webhook endpoint was disabled",
        _ENDPOINT | {"because": "failing"},
    ),
    EventType.TEST: (WebhookEndpointTest, "A test event", _ENDPOINT),
}


def schemas() -> dict[str, Any]:
    """The schemas of all events, and `WebhookEvent`: any of them."""
    models = [model for model, _, _ in _EVENTS.values()]
    _, document = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_REF
    )
    mapping = {
        event.value: _REF.format(model=model.__name__) for event, (model, _, _) in _EVENTS.items()
    }
    union = {
        "title": _UNION,
        "description": (
            "The body of what webhook endpoints are sent: any of these, told apart by `type`."
        ),
        "oneOf": [{"$ref": ref} for ref in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    return {**document["$defs"], _UNION: union}


def webhooks() -> dict[str, Any]:
    """The document's `webhooks`: by type of event the request that is sent.

    In the forms of OpenAPI 3.1 and Standard Webhooks 1.0.0.
    """
    return {event.value: {"post": _operation(event)} for event in _EVENTS}


def _operation(event: EventType) -> dict[str, Any]:
    model, summary, ids = _EVENTS[event]
    example = {
        "type": event.value,
        "timestamp": "2026-11-23T06:00:00.000Z",
        "data": {"business_id": "studio", **ids},
    }
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {
        "operationId": f"on_{event.value.replace('.', '_')}",
        "tags": ["events"],
        "summary": summary,
        "description": inspect.cleandoc(model.__doc__ or ""),
        "security": [],
        "parameters": [
            _header(
                "webhook-id",
                "The event's id, the same over all attempts: what comes again is known by it.",
            ),
            _header(
                "webhook-timestamp",
                "When this attempt was made, in seconds since 1970.",
                pattern="^[0-9]+$",
            ),
            _header(
                "webhook-signature",
                (
                    "`v1,` and a signature in base64; several, with spaces between, while the "
                    "secret is changed."
                ),
                pattern="^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        },
        "responses": {
            "2XX": {
                "description": (
                    "Taken. Anything else, redirects too, is a failure, and the event comes again."
                )
            },
            "410": {"description": "Never again: the endpoint is disabled."},
        },
    }


def _header(name: str, description: str, **constraints: str) -> dict[str, Any]:
    schema = {"type": "string", **constraints}
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
    }
