"""The bodies of businesses as their operator sees them."""

from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.api.bodies import Answer, Body, Changes, UtcInstant, never_null
from app.domain.fields import Currency, PlatformId, Zone, prose, text
from app.domain.nouns.businesses import NewBusiness, RegisteredBusiness
from app.domain.texts.display_text import displayed

_NAME: Final = "What its clients read: on the schedule, in calendars and mails."
_ZONE: Final = "IANA zone that its days are counted in."
_CURRENCY: Final = "ISO 4217: its usual one. What was paid says its own."


def _shown(value: Any) -> Any:
    if isinstance(value, str) and not displayed(value):
        raise PydanticCustomError("text-empty", "must hold something to show")
    return value


Name = Annotated[str, text(200, at_least=1), BeforeValidator(_shown)]
Because = Annotated[str, *prose(500), BeforeValidator(_shown)]


class BusinessRequest(Body):
    """A business to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "harbour",
                    "name": "Harbour Yoga",
                    "timezone": "America/Toronto",
                    "currency": "CAD",
                }
            ]
        }
    )

    id: PlatformId
    name: Name = Field(description=_NAME)
    timezone: Zone = Field(description=_ZONE)
    currency: Currency = Field(description=_CURRENCY)

    def to_value(self) -> NewBusiness:
        """What is to be made."""
        return NewBusiness(self.id, self.name, self.timezone, self.currency)


class SuspensionRequest(Body):
    """Why a business is put out of service."""

    reason: Because = Field(description="Its callers read it, and nobody else.")


class BusinessChanges(Changes):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"suspension": {"reason": "unpaid since May"}}],
            "minProperties": 1,
        }
    )

    name: Name = Field("", description=_NAME, json_schema_extra=never_null)
    timezone: Zone = Field("", description=_ZONE, json_schema_extra=never_null)
    currency: Currency = Field("", description=_CURRENCY, json_schema_extra=never_null)
    suspension: SuspensionRequest | None = Field(
        None, description="Puts it out of service; null: in again."
    )

    def to_values(self) -> dict[str, Any]:
        """Those that were given."""
        given = self.changed("name", "timezone", "currency")
        if "suspension" in self.model_fields_set:
            given["suspended_because"] = self.suspension and self.suspension.reason
        return given


class BusinessSuspension(Answer):
    """Since when a business is out of service, and why."""

    since: UtcInstant
    reason: str


class PlatformBusiness(Answer):
    """A business, and whether it is in service. Nothing that is in it is shown."""

    id: str
    name: str
    timezone: str
    currency: str
    created_at: UtcInstant
    suspension: BusinessSuspension | None = Field(description="Null: it is in service.")

    @classmethod
    def of(cls, one: RegisteredBusiness) -> Self:
        """As it is shown."""
        out = one.suspension
        return cls(
            id=one.id,
            name=one.name,
            timezone=one.timezone,
            currency=one.currency,
            created_at=one.created_at,
            suspension=out and BusinessSuspension(since=out.since, reason=out.because),
        )
