"""The facts of a message that asks for an approval: what is asked for, above which limits. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from app.domain.approval import Exceeded


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What a job asks an approval for.

    `amounts` are minor units by currency; `expires_at` is an instant as text, told by the clocks of
    `timezone`.
    """

    requested_by: str
    reason: str | None
    sessions: int
    clients: int
    amounts: Mapping[str, int]
    credits: int
    exceeded: tuple[Exceeded, ...]
    expires_at: str
    timezone: str

    def document(self) -> dict[str, Any]:
        """As it is kept in a row: JSON's own types, so that what is read again is equal."""
        document: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        return cls(**{**document, "exceeded": tuple(map(Exceeded.of, document["exceeded"]))})
