"""For how long a business keeps who its clients are, in days. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

MIN_DAYS: Final = 1
MAX_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which it is removed by itself; None: it is kept until somebody erases it.

    Attributes:
        job_days: since a bulk cancellation ended: names in its audit, texts, and its messages.
        message_days: since a message was made: what it says, and where it went.
        client_days: since a client was last named by the platform, and last had a booking: who
            they are, once no bulk cancellation names them.
    """

    job_days: int | None = None
    message_days: int | None = None
    client_days: int | None = None

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON's own types."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """What `document` has made; None: all is kept."""
        given = document or {}
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})
