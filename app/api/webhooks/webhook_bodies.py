"""The bodies of webhook endpoints.

What may be said of one, and how endpoints, deliveries and attempts are shown.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from app.api.bodies import Answer, Body, Changes, UtcInstant, never_null
from app.domain.events import EventType
from app.domain.fields import Moment, Uuid, text
from app.domain.nouns.webhooks import EndpointRow
from app.domain.statuses import DeliveryStatus, DisabledBecause, EndpointStatus
from app.webhooks.manage.deliveries import DeliveryView
from app.webhooks.manage.endpoints import MAX_OVERLAP_SECONDS
from app.webhooks.urls import MAX_URL

Subscribable = StrEnum(  # type: ignore[misc]  # its members are those of another enumeration
    "Subscribable", {one.name: one.value for one in EventType if one is not EventType.TEST}
)

_URL: Final = "Where events are sent: `https://…`, at a public address."
_TYPES: Final = "The types that it is told of; null: all, those that are added later included."
Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL, strict=True)]
Types = Annotated[list[Subscribable], Field(min_length=1, max_length=len(Subscribable))]


class EndpointRequest(Body):
    """Where to tell of what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.com/hooks/bulk-cancel",
                    "description": "The app's backend",
                    "event_types": ["refund.succeeded", "refund.failed"],
                }
            ]
        }
    )

    url: Url = Field(description=_URL)
    description: Annotated[str, text(200)] | None = Field(None, description="Your own words.")
    event_types: Types | None = Field(None, description=_TYPES)


class EndpointChanges(Changes):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "enabled"}], "minProperties": 1}
    )

    url: Url = Field("", description=_URL, json_schema_extra=never_null)
    description: Annotated[str, text(200)] | None = Field(
        None, description="Your own words; null: none."
    )
    event_types: Types | None = Field(None, description=_TYPES)
    status: EndpointStatus = Field(
        EndpointStatus.ENABLED,
        description=(
            "`disabled`: nothing is sent, and what was on its way fails. `enabled`: from now on it "
            "is again."
        ),
        json_schema_extra=never_null,
    )


class Rotation(Body):
    """How the secret is changed."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS, strict=True)] = Field(
        MAX_OVERLAP_SECONDS,
        description=(
            "For how long the old secret signs beside the new one; 0 where it has become known to "
            "others."
        ),
    )


class Replay(Body):
    """What to send again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-23T06:00:00Z"}]})

    since: Moment = Field(
        description="Events that occurred then or later; they are kept for 30 days."
    )
    undelivered_only: StrictBool = Field(
        False, description="Leave out what the endpoint has taken."
    )


class Replayed(Answer):
    """How much is on its way."""

    deliveries: int


class Endpoint(Answer):
    """A webhook endpoint."""

    id: Uuid
    url: str
    description: str | None
    event_types: list[Subscribable] | None = Field(description="null: all.")
    status: EndpointStatus
    disabled_because: DisabledBecause | None = Field(
        description="`gone`: it answered 410. `failing`: nothing was delivered for five days."
    )
    failing_since: UtcInstant | None = Field(
        description="The first failure since the last success."
    )
    previous_secret_until: UtcInstant | None = Field(
        description=(
            "When the last of the secrets before this one ends, which sign beside it until their "
            "own ends."
        )
    )
    created_at: UtcInstant

    @classmethod
    def of(cls, endpoint: EndpointRow) -> Self:
        """The endpoint as the API shows it."""
        return cls(**fields_of(endpoint))


class EndpointWithSecret(Endpoint):
    """A webhook endpoint and its secret, which is shown this once."""

    secret: str = Field(
        description="`whsec_…`: what verifies the signatures of what is sent.", examples=["whsec_…"]
    )


class Attempt(Answer):
    """One attempt to deliver."""

    ended_at: UtcInstant
    status_code: int | None = Field(description="null: no answer came.")
    error: str | None = Field(
        description=(
            "Why no answer came: `timed_out`, `no_connection`, `tls`, `broken`, `not_allowed` (the "
            "URL)."
        )
    )
    response: str | None = Field(description="What came back, its first 1,024 bytes.")
    milliseconds: int


class Delivery(Answer):
    """An event on its way to an endpoint."""

    event_id: Uuid = Field(description="The `webhook-id`, the same over all attempts.")
    type: EventType
    occurred_at: UtcInstant
    status: DeliveryStatus
    next_attempt_at: UtcInstant | None = Field(description="null: none will be made.")
    attempts: list[Attempt] = Field(description="Those made so far, the first first.")

    @classmethod
    def of(cls, view: DeliveryView) -> Self:
        """The delivery as the API shows it."""
        return cls(**_delivery_fields(view))


class DeliveryDetail(Delivery):
    """An event on its way to an endpoint, with what is sent."""

    payload: dict[str, Any] = Field(description="The body that is sent.")

    @classmethod
    def of(cls, view: DeliveryView) -> Self:
        """The delivery as the API shows it, with what is sent."""
        return cls(**_delivery_fields(view), payload=orjson.loads(view.delivery.payload))


def fields_of(endpoint: EndpointRow) -> dict[str, Any]:
    """The members of an `Endpoint`."""
    types = endpoint.event_types
    return {name: getattr(endpoint, name) for name in Endpoint.model_fields} | {
        "event_types": None if types is None else [Subscribable(one) for one in types]
    }


def _delivery_fields(view: DeliveryView) -> dict[str, Any]:
    delivery, attempts = view
    shown = ("event_id", "type", "occurred_at", "status", "next_attempt_at")
    return {name: getattr(delivery, name) for name in shown} | {
        "attempts": [
            Attempt(**{name: getattr(one, name) for name in Attempt.model_fields})
            for one in attempts
        ]
    }
