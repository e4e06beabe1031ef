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
from app.domain.messages.news import MAX_SESSIONS
from app.domain.statuses import DisabledBecause, JobAction, JobStatus, RefundStatus

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


class JobEvidence(Answer):
    """The end of the bulk cancellation's chain: keep it, and no older state can pass for this."""

    links: int = Field(description="How many links it has.")
    link: str = Field(description="The hash of the last, in hexadecimal.")


class BulkCancellationCompletedData(_JobData):
    """Which bulk cancellation has ended, and whether with failures."""

    status: Literal[JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_FAILURES]
    evidence: JobEvidence | None = Field(
        description="Null of one that was accepted before there were chains."
    )


class BulkCancellationCompleted(_Event):
    """No machine has anything left to do for it.

    Again after a retry, and when its last failure has been resolved.
    """

    type: Literal[EventType.COMPLETED]
    data: BulkCancellationCompletedData


class BulkCancellationApprovalRequestedData(_JobData):
    """Which bulk cancellation waits for an approval, and until when."""

    status: Literal[JobStatus.AWAITING_APPROVAL]
    expires_at: UtcInstant = Field(description="When it ends as `refused` without one.")


class BulkCancellationApprovalRequested(_Event):
    """It is above a limit of the business: nothing is cancelled before somebody else approves it.

    Once it is approved, `bulk_cancellation.accepted` is sent.
    """

    type: Literal[EventType.APPROVAL_REQUESTED]
    data: BulkCancellationApprovalRequestedData


class BulkCancellationRefusedData(_JobData):
    """Which bulk cancellation was not approved, and whether somebody refused it."""

    status: Literal[JobStatus.REFUSED]
    because: Literal[JobAction.REFUSED, JobAction.EXPIRED] = Field(
        description="`expired`: nobody has approved it in time."
    )


class BulkCancellationRefused(_Event):
    """It was not approved: its sessions are as they were, and nothing was returned."""

    type: Literal[EventType.REFUSED]
    data: BulkCancellationRefusedData


class BulkCancellationWithdrawnData(_JobData):
    """Which bulk cancellation was withdrawn."""

    status: Literal[JobStatus.WITHDRAWN]


class BulkCancellationWithdrawn(_Event):
    """It was undone while on hold, or before it was approved.

    Its sessions are scheduled, and nothing was returned.
    """

    type: Literal[EventType.WITHDRAWN]
    data: BulkCancellationWithdrawnData


class SettledSum(Answer):
    """What has come back in one currency, in its minor unit."""

    currency: str
    amount_minor: int


class SettledSession(Answer):
    """A cancelled session, and the client's booking of it."""

    session_id: PlatformId
    booking_id: PlatformId
    name: str
    starts_at: UtcInstant
    timezone: str


class ClientSettledData(_JobData):
    """What has come of all of a client's bookings that a bulk cancellation settled."""

    client_id: PlatformId
    client_name: str | None
    reason: str | None = Field(description="The public one of the bulk cancellation.")
    amounts: list[SettledSum] = Field(description="Back by the way it was paid.")
    store_credits: list[SettledSum] = Field(description="Back as value, with what is on top.")
    credits: int = Field(description="Back, or given on top.")
    needs_a_person: int = Field(description="Refunds that no machine can make.")
    kept: int = Field(description="Payment lines of which something is kept.")
    booking_count: int
    sessions: list[SettledSession] = Field(
        description=f"One a booking, the first {MAX_SESSIONS}; all are at the client's bookings."
    )


class ClientSettled(_Event):
    """No machine has anything of this client's left to do.

    Again when something of it changes after all. It has what a message would say, for an app that
    sends by itself; the client's name is personal data.
    """

    type: Literal[EventType.CLIENT_SETTLED]
    data: ClientSettledData


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
_EVENTS: Final[Mapping[EventType, tuple[type[_Event], str, Mapping[str, Any]]]] = {
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
        _JOB | {"status": "completed", "evidence": {"links": 14, "link": "9f86d081…"}},
    ),
    EventType.APPROVAL_REQUESTED: (
        BulkCancellationApprovalRequested,
        "A bulk cancellation waits for an approval",
        _JOB | {"status": "awaiting_approval", "expires_at": "2026-11-26T06:00:00.000Z"},
    ),
    EventType.REFUSED: (
        BulkCancellationRefused,
        "A bulk cancellation was not approved",
        _JOB | {"status": "refused", "because": "refused"},
    ),
    EventType.WITHDRAWN: (
        BulkCancellationWithdrawn,
        "A bulk cancellation was withdrawn",
        _JOB | {"status": "withdrawn"},
    ),
    EventType.CLIENT_SETTLED: (
        ClientSettled,
        "All that is one client's has an end",
        _JOB
        | {
            "client_id": "c1",
            "client_name": "Kim Li",
            "reason": "Snow day",
            "amounts": [{"currency": "CAD", "amount_minor": 2000}],
            "store_credits": [],
            "credits": 0,
            "needs_a_person": 0,
            "kept": 0,
            "booking_count": 1,
            "sessions": [
                {
                    "session_id": "s1",
                    "booking_id": "b1",
                    "name": "Yoga",
                    "starts_at": "2026-11-24T14:00:00.000Z",
                    "timezone": "America/Toronto",
                }
            ],
        },
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
