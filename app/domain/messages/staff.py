"""The facts of a message to staff: what a job has come to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True)
class StaffSum:
    """Lines of one kind, counted and summed: minor units of a currency, or credits."""

    lines: int
    currency: str | None
    amount_minor: int
    credits: int


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """What an ended job has come to.

    `needs_a_person` is by failure code. `clients_not_told` counts those whose message rests unsent.
    """

    reason: str | None
    sessions: int
    clients: int
    returned: tuple[StaffSum, ...]
    needs_a_person: tuple[tuple[str, StaffSum], ...]
    clients_not_told: int = 0

    def document(self) -> dict[str, Any]:
        """As it is kept in a row: JSON's own types, so that what is read again is equal."""
        document: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `document` has made."""
        return cls(
            reason=document["reason"],
            sessions=document["sessions"],
            clients=document["clients"],
            returned=tuple(StaffSum(**one) for one in document["returned"]),
            needs_a_person=tuple(
                (code, StaffSum(**one)) for code, one in document["needs_a_person"]
            ),
            clients_not_told=document["clients_not_told"],
        )
