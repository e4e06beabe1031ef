"""For how long a business keeps who its clients are."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field

from app.api.bodies import Answer, Body, UtcInstant
from app.domain.nouns.privacy import CarriedOut
from app.domain.nouns.versions import SetVersion
from app.domain.retention import MAX_DAYS, MIN_DAYS, Retention

_Days = Annotated[int, Field(ge=MIN_DAYS, le=MAX_DAYS, strict=True)]


class RetentionBody(Body):
    """Days after which it is removed by itself; null: it is kept. What is left out is null."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"job_days": 730, "message_days": 90, "client_days": 1095}]}
    )

    job_days: _Days | None = Field(
        None,
        description=(
            "Since a bulk cancellation ended: names and e-mail addresses in its audit, what was "
            "written of its refunds, and what its messages said."
        ),
    )
    message_days: _Days | None = Field(
        None, description="Since a message to a client was made: what it says, where it went."
    )
    client_days: _Days | None = Field(
        None,
        description=(
            "Since an import or a PUT last named a client, and since their last session ended: "
            "their name, e-mail address and language. Not while a bulk cancellation names them."
        ),
    )

    def to_value(self) -> Retention:
        """The step's own value."""
        return Retention(**self.model_dump())


class RemovedByAge(Answer):
    """What was removed so far, in all."""

    jobs: int = Field(description="Bulk cancellations that name nobody any more.")
    messages: int
    clients: int = Field(description="Clients of whom only the id is kept.")
    at: UtcInstant | None = Field(description="The last time; null: nothing was.")


class SetRetention(Answer):
    """A version of it, as somebody set it."""

    version: int
    job_days: int | None
    message_days: int | None
    client_days: int | None
    set_by: str
    set_at: UtcInstant

    @classmethod
    def of_version(cls, one: SetVersion) -> Self:
        """It as the API shows it."""
        days = Retention.of(one.document).document()
        return cls(version=one.version, set_by=one.set_by, set_at=one.set_at, **days)


class RetentionAnswer(Answer):
    """What is in force, and what was removed by it. All null: everything is kept."""

    __qualname__ = "Retention"  # its name in the document
    model_config = ConfigDict(model_title_generator=lambda body: body.__qualname__)

    job_days: int | None
    message_days: int | None
    client_days: int | None
    set_by: str | None = Field(description="Null: nobody has set it.")
    set_at: UtcInstant | None
    removed: RemovedByAge

    @classmethod
    def of(cls, own: SetVersion | None, done: CarriedOut) -> Self:
        """It as the API shows it."""
        days = Retention.of(None if own is None else own.document).document()
        return cls(
            set_by=own and own.set_by,
            set_at=own and own.set_at,
            removed=RemovedByAge(**done._asdict()),
            **days,
        )
