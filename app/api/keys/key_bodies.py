"""The bodies of keys: what may be asked for, and how they are shown."""

from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.bodies import Answer, Body, Changes, UtcInstant, never_null
from app.auth.keys import NewKey
from app.auth.locations import MAX_LOCATIONS, granted_within, locations_of, not_by_location
from app.auth.manage import MadeKey
from app.auth.roles import Role, Scope
from app.auth.rotation import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS
from app.domain.fields import Moment, text
from app.domain.nouns.keys import KeyRow
from app.domain.statuses import KeyStatus

_NAME: Final = "What the audit calls its holder."
_ENDS: Final = "When it ends; null: never."
Name = Annotated[str, text(200, at_least=1)]
Location = Annotated[str, text(200, at_least=1)]  # as a session's


class KeyRequest(Body):
    """A key to be made: with a role, or with scopes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "front desk", "role": "front_desk"}]}
    )

    name: Name = Field(description=_NAME)
    role: Role | None = Field(None, description="Whose scopes it has, those of later builds too.")
    scopes: Annotated[list[Scope], Field(max_length=len(Scope))] = Field(
        [], description="What it may do, where it has no role."
    )
    expires_at: Moment | None = Field(None, description=_ENDS)
    locations: Annotated[list[Location], Field(min_length=1, max_length=MAX_LOCATIONS)] | None = (
        Field(
            None,
            description=(
                "It has sessions of these locations alone, and bulk cancellations of nothing else; "
                "null: all. Such a key may read the schedule, cancel, approve, and read audits."
            ),
        )
    )

    @model_validator(mode="after")
    def _may_do_something(self) -> Self:
        if (self.role is None) != bool(self.scopes):
            raise PydanticCustomError("role-or-scopes", "Name a role or scopes, and not both.")
        return self

    @model_validator(mode="after")
    def _is_by_location(self) -> Self:
        if self.locations is not None and (more := not_by_location(self.role, self.scopes)):
            raise PydanticCustomError(
                "not-by-location",
                "A key that is limited to locations can't have {scopes}.",
                {"scopes": ", ".join(more)},
            )
        return self

    def to_value(self, business_id: str) -> NewKey:
        """What is to be made, for this business."""
        locations = None if self.locations is None else frozenset(self.locations)
        return NewKey(
            business_id, self.name, frozenset(self.scopes), self.role, self.expires_at, locations
        )


class KeyChanges(Changes):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "front desk"}], "minProperties": 1}
    )

    name: Name = Field("", description=_NAME, json_schema_extra=never_null)
    expires_at: Moment | None = Field(None, description=_ENDS)


class KeyRotation(Body):
    """How a key's secret is changed."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS, strict=True)] = Field(
        DEFAULT_OVERLAP_SECONDS,
        description=(
            "For how long the secret of before works beside the new one; 0 where it has become "
            "known to others: then all before the new one end."
        ),
    )


class ApiKey(Answer):
    """A key, without its secret."""

    id: str
    prefix: str = Field(description="The part of the key that is no secret: `bck_<prefix>_…`.")
    name: str
    role: Role | None
    scopes: list[Scope] = Field(description="What it may do, by its role where it has one.")
    locations: list[str] | None = Field(description="What it is limited to; null: to none.")
    status: KeyStatus
    created_at: UtcInstant
    expires_at: UtcInstant | None
    last_used_at: UtcInstant | None = Field(description="Within five minutes.")
    revoked_at: UtcInstant | None
    previous_secret_until: UtcInstant | None = Field(
        description="Until when secrets from before the current one work."
    )

    @classmethod
    def of(cls, row: KeyRow) -> Self:
        """As it is shown."""
        return cls(**_fields_of(row))


class ApiKeyWithToken(ApiKey):
    """A key, and what opens it."""

    token: str | None = Field(
        description=(
            "The whole key, shown this once. Null where the request was answered before: rotate "
            "the key if that answer was lost."
        )
    )

    @classmethod
    def made(cls, made: MadeKey) -> Self:
        """As it is shown to who made it."""
        return cls(**_fields_of(made.key), token=made.token)


def _fields_of(row: KeyRow) -> dict[str, Any]:
    if row.revoked_at is not None:
        status = KeyStatus.REVOKED
    else:
        status = KeyStatus.EXPIRED if row.is_expired else KeyStatus.IN_FORCE
    locations = locations_of(row.locations)
    return {
        "id": row.id,
        "prefix": row.prefix,
        "name": row.name,
        "role": Role(row.role) if row.role in set(Role) else None,
        "scopes": sorted(granted_within(row.role, row.scopes, locations)),
        "locations": None if locations is None else sorted(locations),
        "status": status,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
        "previous_secret_until": row.previous_secret_until,
    }
