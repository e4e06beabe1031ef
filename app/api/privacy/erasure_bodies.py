"""How far the erasure of a client has come."""

from enum import StrEnum
from typing import Self

from pydantic import Field

from app.api.bodies import Answer, UtcInstant
from app.domain.nouns.privacy import Erased, Erasure


class ErasureStatus(StrEnum):
    """Whether something is left to be erased."""

    UNDER_WAY = "under_way"
    DONE = "done"


class ErasedRows(Answer):
    """How many rows were changed so far."""

    former_contacts: int = Field(description="What they were called before, and their addresses.")
    suppressed_addresses: int = Field(description="Kept as a keyed hash, so that they stay so.")
    texts: int = Field(description="Of refunds, their histories, and overrides.")
    messages: int = Field(description="What they say, and where they went.")
    events: int = Field(description="Names in what webhooks were told.")


class ErasureAnswer(Answer):
    """What was done of an erasure. The client's own record was erased with the request."""

    client_id: str
    status: ErasureStatus
    requested_by: str
    requested_at: UtcInstant
    finished_at: UtcInstant | None
    erased: ErasedRows

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        """It as the API shows it."""
        is_done = erasure.due_at is None
        return cls(
            client_id=erasure.client_id,
            status=ErasureStatus.DONE if is_done else ErasureStatus.UNDER_WAY,
            requested_by=erasure.requested_by,
            requested_at=erasure.requested_at,
            finished_at=erasure.finished_at,
            erased=ErasedRows(**{one: erasure.counts.get(one, 0) for one in Erased}),
        )
